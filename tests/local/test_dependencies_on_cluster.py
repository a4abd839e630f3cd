"""Packages of a job on a cluster whose own Python has none of them, in both deploy modes."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from homes import Laptop
from local.submitting import ON_CLUSTER, package_of, record_of, run_id_of, spark_cluster

pytestmark = pytest.mark.spark

JOB = """\
# /// script
# dependencies = ["scikit-learn", "pandas"]
# ///
import json

import numpy
import pandas
import sklearn
from pyspark.sql import SparkSession, functions as f


def slope(y0, y1):
    import numpy
    import pandas
    from sklearn.linear_model import LinearRegression

    frame = pandas.DataFrame({"x": [0.0, 1.0], "y": [y0, y1]})
    fitted = LinearRegression().fit(frame[["x"]].to_numpy(), frame["y"])
    return f"{float(fitted.coef_[0]):.1f} {numpy.__version__} {pandas.__version__}"


spark = SparkSession.builder.getOrCreate()
rows = spark.createDataFrame([(1.0, 3.0), (5.0, 4.0)], ["y0", "y1"])
found = [row[0] for row in rows.select(f.udf(slope, "string")("y0", "y1")).collect()]
places = [module.__file__ for module in (numpy, pandas, sklearn)]
print(json.dumps({"found": found, "numpy": numpy.__version__, "pandas": pandas.__version__}))
assert all("selfserve_deps" in place for place in places), places
"""


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    with spark_cluster(tmp_path_factory.mktemp("packages")) as laptop:
        yield laptop


def test_inline_packages_work_in_functions_on_executors_in_both_deploy_modes(
    laptop: Laptop, tmp_path: Path
) -> None:
    job = tmp_path / "fit.py"
    job.write_text(JOB)

    in_cluster_mode = laptop.run("submit", str(job), *ON_CLUSTER)
    in_client_mode = laptop.run("submit", str(job), *ON_CLUSTER, "--deploy-mode", "client")

    for done in (in_cluster_mode, in_client_mode):
        assert done.returncode == 0, done.stderr
        printed = json.loads(done.stdout)
        versions = f"{printed['numpy']} {printed['pandas']}"
        assert printed["found"] == [f"2.0 {versions}", f"-1.0 {versions}"]
    programs = [
        json.loads(record_of(laptop, run_id_of(done)).read_text())["program"]
        for done in (in_cluster_mode, in_client_mode)
    ]
    assert programs[0]["dependencies"] == programs[1]["dependencies"]
    assert package_of(laptop, programs[0], "dependencies").is_file()
    assert f"numpy=={printed['numpy']}" in programs[0]["lock"]
    assert "Uploading" in in_cluster_mode.stderr
    assert "Uploading" not in in_client_mode.stderr
