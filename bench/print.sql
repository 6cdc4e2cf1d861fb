-- The lines of the tables, from the views figure and note of a bench.
SET search_path = bench, public;

CREATE FUNCTION digits(value float8, unit text) RETURNS int LANGUAGE sql IMMUTABLE AS
    $$SELECT CASE WHEN unit = ' ns' OR abs(value) >= 20 THEN 0 ELSE 2 END$$;

-- Judged as measured, printed rounded.
CREATE VIEW printed AS
    SELECT place, what, round(median::numeric, digits(median, unit)) || unit AS figure,
           relation || ' ' || target || coalesce(unit || ' to ' || upto, '') || unit AS target,
           NOT CASE relation WHEN '<=' THEN median <= target WHEN '>=' THEN median >= target
                             ELSE median BETWEEN target AND upto END AS missed, range
    FROM target JOIN (
        SELECT place, unit, percentile_cont(0.5) WITHIN GROUP (ORDER BY value) AS median,
               round(min(value)::numeric, 2) || ' to ' || round(max(value)::numeric, 2) AS range
        FROM figure GROUP BY place, unit) AS medians USING (place);

CREATE VIEW printed_note AS
    SELECT place, what, round(median::numeric, digits(median, unit)) || unit AS figure,
           round(lowest::numeric, digits(median, unit)) || ' to ' || round(highest::numeric, digits(median, unit)) AS range
    FROM (SELECT place, what, unit, percentile_cont(0.5) WITHIN GROUP (ORDER BY value) AS median, min(value) AS lowest,
                 max(value) AS highest
          FROM note GROUP BY place, what, unit) AS medians;
