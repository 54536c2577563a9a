-- The whole of the journal's SQL: what SQLite and Postgres both take, loaded by name. Parameters are written :name.
-- A section `schema.N` brings version N-1 to version N; sections with `sqlite` in their name are for SQLite alone.

-- name: schema.1
CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
CREATE TABLE runs (
    id TEXT PRIMARY KEY,
    epoch BIGINT NOT NULL,          -- raised by each claim; an append of another epoch finds no row
    seq BIGINT NOT NULL,            -- the last event's
    head TEXT NOT NULL,             -- the last event's hash
    salt TEXT NOT NULL,             -- of the payload digests, so that an erased body cannot be guessed from its digest
    created BIGINT NOT NULL,        -- microseconds since 1970
    touched BIGINT NOT NULL,        -- the last event's time; time never goes back within a run
    command BIGINT NOT NULL,        -- the last command's id
    summary TEXT NOT NULL           -- a fold of the events, kept for lists; empty: fold again
);
CREATE INDEX runs_by_time ON runs (created, id);
CREATE TABLE events (
    run TEXT NOT NULL REFERENCES runs (id),
    seq BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    ts BIGINT NOT NULL,
    type TEXT NOT NULL,
    hdr TEXT NOT NULL,              -- canonical JSON of everything but the bulk
    payload TEXT NOT NULL,          -- digest of the bulk, empty when there is none
    prev TEXT NOT NULL,
    hash TEXT NOT NULL,
    key TEXT,                       -- content key, for results that hold in any run
    PRIMARY KEY (run, seq)
);
CREATE INDEX events_by_key ON events (key, ts) WHERE key IS NOT NULL;
CREATE TABLE payloads (
    run TEXT NOT NULL REFERENCES runs (id),
    digest TEXT NOT NULL,
    body BYTEA NOT NULL,            -- canonical JSON, deflated when that pays
    PRIMARY KEY (run, digest)
);
CREATE TABLE commands (
    run TEXT NOT NULL REFERENCES runs (id),
    id BIGINT NOT NULL,
    ts BIGINT NOT NULL,
    principal TEXT NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (run, id)
);
INSERT INTO meta (name, value) VALUES ('schema', '1');

-- name: schema.1.sqlite
CREATE TRIGGER events_are_facts BEFORE UPDATE ON events BEGIN
    SELECT RAISE(ABORT, 'events are append-only');
END;
CREATE TRIGGER events_stay BEFORE DELETE ON events BEGIN
    SELECT RAISE(ABORT, 'events are append-only');
END;

-- name: schema.2
CREATE TABLE snapshots (
    run TEXT PRIMARY KEY REFERENCES runs (id),
    seq BIGINT NOT NULL,
    hash TEXT NOT NULL,             -- of the event it ends at; a snapshot of another past is none
    code TEXT NOT NULL,             -- digest of the code that folds
    body BYTEA NOT NULL
);

-- name: tables.sqlite
SELECT name FROM sqlite_master WHERE type = 'table';

-- name: version
SELECT value FROM meta WHERE name = 'schema';

-- name: set_version
UPDATE meta SET value = :version WHERE name = 'schema';

-- name: create
INSERT INTO runs (id, epoch, seq, head, salt, created, touched, command, summary)
VALUES (:run, 0, 0, :head, :salt, :now, :now, 0, '')
ON CONFLICT DO NOTHING
RETURNING seq, head, salt, touched, summary;

-- name: claim
UPDATE runs SET epoch = epoch + 1, touched = CASE WHEN touched < :now THEN :now ELSE touched END
WHERE id = :run
RETURNING epoch, seq, head, salt, touched, summary;

-- name: take
UPDATE runs SET touched = CASE WHEN touched < :now THEN :now ELSE touched END
WHERE id = :run AND epoch = :epoch
RETURNING seq, head, salt, touched, summary;

-- name: put
UPDATE runs SET seq = :seq, head = :head, summary = :summary WHERE id = :run;

-- name: add_event
INSERT INTO events (run, seq, epoch, ts, type, hdr, payload, prev, hash, key)
VALUES (:run, :seq, :epoch, :ts, :type, :hdr, :payload, :prev, :hash, :key);

-- name: add_payload
INSERT INTO payloads (run, digest, body) VALUES (:run, :digest, :body)
ON CONFLICT DO NOTHING;

-- name: run
SELECT id, epoch, seq, head, salt, touched, summary FROM runs WHERE id = :run;

-- name: read
SELECT e.seq, e.epoch, e.ts, e.hash, e.hdr, p.body
FROM events e LEFT JOIN payloads p ON p.run = e.run AND p.digest = e.payload
WHERE e.run = :run AND e.seq > :after
ORDER BY e.seq LIMIT :limit;

-- name: read_back
SELECT e.seq, e.epoch, e.ts, e.hash, e.hdr, p.body
FROM events e LEFT JOIN payloads p ON p.run = e.run AND p.digest = e.payload
WHERE e.run = :run AND e.seq < :before
ORDER BY e.seq DESC LIMIT :limit;

-- name: read_for_state
SELECT e.seq, e.epoch, e.ts, e.hash, e.hdr, p.body
FROM events e LEFT JOIN payloads p ON p.run = e.run AND p.digest = e.payload
    AND e.type IN ('run.created', 'gate.finished', 'iteration.finished')
WHERE e.run = :run AND e.seq > :after
    AND e.type NOT IN ('tool.started', 'tool.finished', 'told', 'sandbox.used')
ORDER BY e.seq LIMIT :limit;

-- name: read_for_audit
SELECT e.seq, e.epoch, e.ts, e.type, e.hdr, e.payload, e.prev, e.hash, p.body
FROM events e LEFT JOIN payloads p ON p.run = e.run AND p.digest = e.payload
WHERE e.run = :run AND e.seq > :after
ORDER BY e.seq LIMIT :limit;

-- name: find
SELECT e.hdr, p.body
FROM events e LEFT JOIN payloads p ON p.run = e.run AND p.digest = e.payload
WHERE e.key = :key AND (e.payload = '' OR p.body IS NOT NULL)
ORDER BY e.ts DESC LIMIT 1;

-- name: runs
SELECT id, summary FROM runs ORDER BY created DESC, id DESC LIMIT :limit;

-- name: runs_since
SELECT id, summary FROM runs WHERE touched >= :since;

-- name: last_run
SELECT id FROM runs ORDER BY created DESC, id DESC LIMIT 1;

-- name: runs_like
SELECT id FROM runs WHERE substr(id, 1, length(:prefix)) = :prefix ORDER BY id LIMIT 9;

-- name: recent_ids
SELECT id FROM runs ORDER BY created DESC, id DESC LIMIT 1000;

-- name: whole_run
SELECT id, epoch, seq, head, salt, created, touched FROM runs WHERE id = :run;

-- name: add_run
INSERT INTO runs (id, epoch, seq, head, salt, created, touched, command, summary)
VALUES (:id, :epoch, :seq, :head, :salt, :created, :touched, 0, '')
ON CONFLICT DO NOTHING
RETURNING id;

-- name: snapshot
SELECT s.body, s.code FROM snapshots s JOIN events e ON e.run = s.run AND e.seq = s.seq AND e.hash = s.hash
WHERE s.run = :run;

-- name: save_snapshot
INSERT INTO snapshots (run, seq, hash, code, body) VALUES (:run, :seq, :hash, :code, :body)
ON CONFLICT (run) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, code = excluded.code, body = excluded.body;

-- name: drop_snapshot
DELETE FROM snapshots WHERE run = :run;

-- name: link
SELECT hash FROM events WHERE run = :run AND seq = :seq;

-- name: heads
SELECT id, seq, head FROM runs WHERE seq > 0 ORDER BY created, id;

-- name: erase
DELETE FROM payloads WHERE run = :run;

-- name: next_command
UPDATE runs SET command = command + 1 WHERE id = :run RETURNING command;

-- name: add_command
INSERT INTO commands (run, id, ts, principal, kind, text) VALUES (:run, :id, :now, :principal, :kind, :text);

-- name: commands
SELECT id, run, ts, principal, kind, text FROM commands WHERE run = :run AND id > :after ORDER BY id LIMIT :limit;
