-- The steps of every client, and the content of the tables after each step: the one description that all client tests share.
-- A client does a step in its ordinary way, then asks outcome.check() and prints the line of TAP that it returns; in the end
-- it prints outcome.finish(), which fails the steps that were left out. The tables are those of docs/clients.md.
CREATE SCHEMA outcome;

CREATE TABLE outcome.who (id uuid PRIMARY KEY, name text);
INSERT INTO outcome.who VALUES (:'ada', 'ada'), (:'bob', 'bob'), (:'cem', 'cem'), (:'dan', 'dan'), (:'eve', 'eve');

-- said: what the client saw: an SQLSTATE, what it found, or nothing. stored: the rows that the step makes or changes, each
-- with the plaintext of its protected value and its note. Rows that no step names stay as they are.
CREATE TABLE outcome.step (
    nr integer GENERATED ALWAYS AS IDENTITY, relation text, step text, said text, stored jsonb DEFAULT '{}',
    optional boolean DEFAULT false, done boolean DEFAULT false, UNIQUE (relation, step));

INSERT INTO outcome.step (relation, step, said, stored) VALUES
    ('people', 'create', '', '{"ada": ["ada@example.com", "new"]}'),
    ('people', 'refresh', 'email no, digest yes', '{}'),
    -- The object that was created, still with plaintext and without a digest, is saved with all its columns.
    ('people', 'save after create', '', '{"ada": ["ada@example.com", "again"]}'),
    -- A loaded object, its plaintext NULL, is saved with all its columns.
    ('people', 'stale save', '', '{"ada": ["ada@example.com", "stale"]}'),
    ('people', 'partial save', '', '{"ada": ["ada@example.com", "partial"]}'),
    -- New plaintext, beside the digest of the old one.
    ('people', 'change', '', '{"ada": ["ada@example.org", "partial"]}'),
    ('people', 'bulk create', '', '{"bob": ["bob@example.com", "new"], "cem": ["cem@example.com", "new"]}'),
    ('people', 'verify', 'yes no', '{}'), -- the right value and a wrong one
    ('people', 'upsert', '', '{"ada": ["ada@example.net", "upsert"], "dan": ["dan@example.com", "upsert"]}'),
    ('people', 'get or create', '', '{"eve": ["eve@example.com", "new"]}'), -- ada, who is there, and eve
    ('people', 'bulk update', '', '{"bob": ["bob@example.org", "bulk"], "cem": ["cem@example.org", "bulk"]}'),
    ('people', 'raw SQL', '', '{"dan": ["dan@example.org", "upsert"]}'),
    ('people', 'erase', '', '{"ada": [null, "upsert"]}'),
    ('people', 'without a key', '28000', '{}');

-- An upsert that finds another person's row by the login: a digest in EXCLUDED is made for the id that was not stored. A
-- client that writes the value into DO UPDATE SET itself does not meet this.
INSERT INTO outcome.step (relation, step, said, stored, optional) VALUES
    ('people', 'upsert by login from EXCLUDED', '27000', '{}', true),
    ('people', 'upsert by login with the value', '', '{"bob": ["bob@example.net", "bulk"]}', true);

-- In place the column holds the digest. Between load and save somebody else changes the value.
INSERT INTO outcome.step (relation, step, said, stored)
SELECT relation, step.* FROM unnest(ARRAY['inplace', 'inplace_keep']) AS relation, (VALUES
    ('create', '', '{"ada": ["ada@example.com", "new"]}'::jsonb),
    ('refresh', 'digest yes', '{}'),
    ('save of a loaded object', '', '{"ada": ["ada@example.com", "loaded"]}')) AS step;
INSERT INTO outcome.step (relation, step, said, stored) VALUES
    ('inplace', 'stale save', '27000', '{"ada": ["ada@example.org", "loaded"]}'),
    ('inplace', 'upsert', '', '{"ada": ["ada@example.net", "upsert"]}'),
    ('inplace_keep', 'stale save', '', '{"ada": ["ada@example.com", "stale"]}'), -- the last write wins
    ('inplace_keep', 'upsert', '', '{"ada": ["ada@example.net", "upsert"]}');

INSERT INTO outcome.step (relation, step, said, stored) VALUES
    ('patients', 'create', '', '{"ada": ["078-05-1120", "new"]}'),
    ('patients', 'refresh', 'ssn no, sealed yes, index yes', '{}'),
    ('patients', 'open', '078-05-1120', '{}'),
    ('patients', 'save after create', '', '{"ada": ["078-05-1120", "again"]}'),
    ('patients', 'stale save', '', '{"ada": ["078-05-1120", "stale"]}'),
    ('patients', 'change', '', '{"ada": ["219-09-9999", "stale"]}'),
    ('patients', 'bulk create', '', '{"bob": ["457-55-5462", "new"], "cem": ["212-09-7694", "new"]}'),
    ('patients', 'search', :'bob', '{}'),
    ('patients', 'duplicate', '23505', '{}'), -- dan, with the number of bob
    ('patients', 'upsert', '', '{"ada": ["042-10-3580", "upsert"], "dan": ["165-16-7999", "upsert"]}'),
    ('patients', 'get or create', '', '{"eve": ["095-07-3645", "new"]}'), -- by the number: bob's, which is there, and eve's
    ('patients', 'erase', '', '{"ada": [null, "upsert"]}');

-- The server makes the ids.
INSERT INTO outcome.step (relation, step, said, stored) VALUES
    ('accounts', 'create', '1', '{"1": ["one@example.com", "new"]}'),
    ('accounts', 'stale save', '', '{"1": ["one@example.com", "stale"]}'),
    ('accounts', 'bulk create', '', '{"2": ["two@example.com", "new"], "3": ["three@example.com", "new"]}'),
    ('accounts', 'verify', 'yes no', '{}'),
    ('accounts', 'upsert', '', '{"1": ["one@example.org", "upsert"]}');

-- The rows of all tables; relation is a constant in each branch, so that a query for one table reads no other.
CREATE VIEW outcome.found AS
    SELECT 'people' AS relation, login AS name, id AS subject, email AS plain, email_digest AS digest, NULL AS opened, true AS indexed, note
    FROM people
    UNION ALL SELECT 'inplace', name, id, NULL, email, NULL, true, note FROM inplace LEFT JOIN outcome.who USING (id)
    UNION ALL SELECT 'inplace_keep', name, id, NULL, email, NULL, true, note FROM inplace_keep LEFT JOIN outcome.who USING (id)
    UNION ALL SELECT 'patients', name, id, ssn, NULL, caas_open(id, ssn_sealed, 'patients.ssn'),
                     ssn_index IS NOT DISTINCT FROM caas_blind_index(caas_open(id, ssn_sealed, 'patients.ssn'), 'patients.ssn'), note
    FROM patients LEFT JOIN outcome.who USING (id)
    UNION ALL SELECT 'accounts', id::text, caas_uuid('accounts', id), email, email_digest, NULL, true, note FROM accounts;

-- Returns the faults of the rows of a table, or NULL. A row without a name belongs to nobody.
CREATE FUNCTION outcome.complaint(wanted_relation text, wanted jsonb) RETURNS text LANGUAGE sql AS
$$
    SELECT string_agg(coalesce(name, 'a row of nobody') || ' ' || wrong, ', ' ORDER BY name)
    FROM (SELECT name, CASE
              WHEN want IS NULL THEN 'should not be there'
              WHEN found.subject IS NULL THEN 'is missing'
              WHEN plain IS NOT NULL THEN 'has plaintext'
              WHEN note IS DISTINCT FROM want->>1 THEN 'has the note ' || coalesce(note, 'NULL')
              WHEN want->>0 IS NULL AND coalesce(digest, opened) IS NOT NULL THEN 'still has a value'
              WHEN want->>0 IS NOT NULL AND coalesce(digest, opened) IS NULL THEN 'has lost its value'
              WHEN digest IS NOT NULL AND NOT caas_verify(subject, want->>0, digest) THEN 'has the digest of something else'
              WHEN opened <> want->>0 THEN 'has another value'
              WHEN NOT indexed THEN 'has a wrong index' END AS wrong
          FROM jsonb_each(wanted) AS wanted(name, want)
          FULL JOIN (SELECT * FROM outcome.found WHERE relation = wanted_relation) AS found USING (name)) AS rows
    WHERE wrong IS NOT NULL
$$;

-- Checks a step that was just made. Returns a line of TAP.
CREATE FUNCTION outcome.check(relation text, step text, said text) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
    this outcome.step;
    wanted jsonb;
    wrong text;
    title text := format('%s: %s', relation, step);
BEGIN
    UPDATE outcome.step AS s SET done = true WHERE (s.relation, s.step) = ($1, $2) RETURNING * INTO this;
    IF NOT FOUND THEN
        RETURN format('not ok - %s: no such step', title);
    END IF;
    -- Steps may come in another order where a client needs it: what was done later counts.
    UPDATE outcome.step AS s SET nr = DEFAULT WHERE s.nr = this.nr;
    SELECT coalesce(jsonb_object_agg(name, want ORDER BY nr), '{}') INTO wanted
    FROM outcome.step AS s, jsonb_each(s.stored) AS stored(name, want) WHERE s.relation = $1 AND s.done;
    wrong := concat_ws(', ', CASE WHEN this.said <> $3 THEN format('said "%s" instead of "%s"', $3, this.said) END,
                       outcome.complaint($1, wanted));
    IF wrong = '' THEN
        RETURN format('ok - %s', title);
    END IF;
    RETURN format('not ok - %s: %s', title, regexp_replace(wrong, '[#[:space:]]+', ' ', 'g'));
END
$$;

-- Returns the last lines of TAP: failures for the steps that were not made, and the plan.
CREATE FUNCTION outcome.finish() RETURNS text LANGUAGE sql AS
$$
    SELECT concat_ws(E'\n', string_agg(format('not ok - %s: %s: not done', relation, step), E'\n' ORDER BY nr) FILTER (WHERE NOT done),
                     '1..' || count(*))
    FROM outcome.step WHERE done OR NOT optional
$$;
