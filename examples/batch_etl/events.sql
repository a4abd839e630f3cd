-- Raw events on S3, one JSON document a line, become a partitioned Parquet table.
--
--   selfserve submit events.sql -c hive-batch -- \
--       -d INPUT=s3://BUCKET/raw/ -d OUTPUT=s3://BUCKET/events/
--
-- Both tables are EXTERNAL with a LOCATION: the data outlive the cluster, and
-- dropping a table deletes nothing. HiveQL that Hive and Spark SQL both run.

-- Days are found in the data, so no partition is named beforehand.
SET hive.exec.dynamic.partition=true;
SET hive.exec.dynamic.partition.mode=nonstrict;

DROP TABLE IF EXISTS raw_events;
CREATE EXTERNAL TABLE raw_events (line STRING)
STORED AS TEXTFILE
LOCATION '${INPUT}';

DROP TABLE IF EXISTS events;
CREATE EXTERNAL TABLE events (
    event_id   STRING,
    event_time TIMESTAMP,
    user_id    BIGINT,
    action     STRING,
    amount     DECIMAL(12, 2)
)
PARTITIONED BY (event_date STRING)
STORED AS PARQUET
LOCATION '${OUTPUT}';

-- Collectors deliver at least once, so an event may stand there twice; and a line
-- that was cut off gives NULLs. Overwriting whole days makes a second run harmless.
INSERT OVERWRITE TABLE events PARTITION (event_date)
SELECT
    event_id,
    CAST(event_time AS TIMESTAMP),
    CAST(user_id AS BIGINT),
    action,
    CAST(amount AS DECIMAL(12, 2)),
    SUBSTR(event_time, 1, 10) AS event_date
FROM (
    SELECT
        e.*,
        ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY event_time) AS delivery
    FROM raw_events
    LATERAL VIEW JSON_TUPLE(line, 'id', 'time', 'user', 'action', 'amount') e
        AS event_id, event_time, user_id, action, amount
) deliveries
WHERE delivery = 1
  AND event_id IS NOT NULL
  AND CAST(event_time AS TIMESTAMP) IS NOT NULL;

SELECT event_date, COUNT(*) AS events, COUNT(DISTINCT user_id) AS users, SUM(amount) AS amount
FROM events
GROUP BY event_date
ORDER BY event_date;
