"""Hive's metastore service, listening on the loopback only. Started by `catalogue.py`.

Run by the Python of a Spark runtime: standard library and py4j only. Hive's own
main program listens on every interface and cannot be told otherwise, so this
one puts the same parts together around a socket of its own. The JVM ends with
this process; py4j's gateway, too, is on the loopback, behind a token.

The one argument is JSON: classpath, java, java_options, conf. Once it serves, it
prints `metastore-port=NUMBER`.
"""

import json
import sys

from py4j.java_gateway import GatewayParameters, JavaGateway, JVMView, launch_gateway

_WORKERS = (4, 200)  # threads; a Spark application holds one connection or two


def main(argument: str) -> None:
    """Serve until killed."""
    chosen = json.loads(argument)
    port, token = launch_gateway(
        classpath=chosen["classpath"],
        javaopts=chosen["java_options"],
        java_path=chosen["java"],
        die_on_exit=True,
        enable_auth=True,
        redirect_stdout=sys.stdout,
        redirect_stderr=sys.stderr,
    )
    gateway = JavaGateway(gateway_parameters=GatewayParameters(port=port, auth_token=token))
    _serve(gateway.jvm, chosen["conf"])


def _serve(jvm: JVMView, settings: "dict[str, str]") -> None:
    conf = jvm.org.apache.hadoop.hive.conf.HiveConf()
    for name, value in settings.items():
        conf.set(name, value)
    metastore = jvm.org.apache.hadoop.hive.metastore
    handler = metastore.HiveMetaStore.HMSHandler("selfserve", conf, False)  # noqa: FBT003 - Java
    handler = metastore.RetryingHMSHandler.getProxy(conf, handler, True)  # noqa: FBT003 - Java
    loopback = jvm.java.net.InetAddress.getByName("127.0.0.1")
    socket = jvm.java.net.ServerSocket(0, 50, loopback)
    thrift = jvm.org.apache.thrift
    args = thrift.server.TThreadPoolServer.Args(thrift.transport.TServerSocket(socket))
    args.processor(metastore.TSetIpAddressProcessor(handler))
    args.protocolFactory(thrift.protocol.TBinaryProtocol.Factory())
    args.minWorkerThreads(_WORKERS[0]).maxWorkerThreads(_WORKERS[1])
    server = thrift.server.TThreadPoolServer(args)
    print(f"metastore-port={socket.getLocalPort()}", flush=True)  # noqa: T201 - read by catalogue.py
    server.serve()


if __name__ == "__main__":
    main(sys.argv[1])
