BEGIN TRANSACTION;
CREATE TABLE commands (
    run TEXT NOT NULL REFERENCES runs (id),
    id BIGINT NOT NULL,
    ts BIGINT NOT NULL,
    principal TEXT NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (run, id)
);
INSERT INTO "commands" VALUES('old1',1,1795346908600541,'me','steer','to the left');
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
INSERT INTO "events" VALUES('old1',1,0,1795346908585974,'run.created','{"base":"base","base_ref":"base_ref","base_tree":"base_tree","branch":"branch","checker":"checker","goal":{"criteria":[{"id":"id","text":"text"}],"limits":{"error_percent":13,"error_window":12,"iterations":10,"micro_usd":9,"seconds":7,"tokens":6,"turns":5,"unchanged":9},"may_edit_tests":["may_edit_tests"],"must_pass":["must_pass"],"scope":["scope"],"source":"source","text":"text"},"image":"image","maker":"maker","principal":"principal","repo":"repo","repo_id":"repo_id","type":"run.created"}','21302650893be52e1cf037df9ffa753e912b9e2ac01aef01c33451360a776698','0000000000000000000000000000000000000000000000000000000000000000','80fa0914584bace95bd01e0f3ff17ff909a96e82ff3860ecd89853999872c9d7',NULL);
INSERT INTO "events" VALUES('old1',2,1,1795346908589480,'run.claimed','{"limits":null,"owner":"host:1","resumed":false,"type":"run.claimed"}','','80fa0914584bace95bd01e0f3ff17ff909a96e82ff3860ecd89853999872c9d7','ce0378411999e2c49dd8bd74fd1581b2ade8a9e94a509e72a1d37c908dd8c50a',NULL);
INSERT INTO "events" VALUES('old1',3,1,1795346908595193,'run.created','{"base":"base","base_ref":"base_ref","base_tree":"base_tree","branch":"branch","checker":"checker","goal":{"criteria":[{"id":"id","text":"text"}],"limits":{"error_percent":13,"error_window":12,"iterations":10,"micro_usd":9,"seconds":7,"tokens":6,"turns":5,"unchanged":9},"may_edit_tests":["may_edit_tests"],"must_pass":["must_pass"],"scope":["scope"],"source":"source","text":"text"},"image":"image","maker":"maker","principal":"principal","repo":"repo","repo_id":"repo_id","type":"run.created"}','21302650893be52e1cf037df9ffa753e912b9e2ac01aef01c33451360a776698','ce0378411999e2c49dd8bd74fd1581b2ade8a9e94a509e72a1d37c908dd8c50a','d1b3dfffe5d9eaeffe937c19f9767a7776d712ac63bf9dd60e296353be30495b',NULL);
INSERT INTO "events" VALUES('old1',4,1,1795346908595193,'run.claimed','{"limits":{"error_percent":13,"error_window":12,"iterations":10,"micro_usd":9,"seconds":7,"tokens":6,"turns":5,"unchanged":9},"owner":"owner","resumed":true,"type":"run.claimed"}','','d1b3dfffe5d9eaeffe937c19f9767a7776d712ac63bf9dd60e296353be30495b','7e1772d3572d8889901dbdd77b9d9803f67db813130b28d8c25d7c6d964f56b6',NULL);
INSERT INTO "events" VALUES('old1',5,1,1795346908595193,'run.finished','{"best":"best","branch":"branch","exit_code":9,"next_step":"next_step","outcome":"cancelled","reason":"reason","type":"run.finished"}','','7e1772d3572d8889901dbdd77b9d9803f67db813130b28d8c25d7c6d964f56b6','078c63f71c99e40d4c3f6adecaca2ef83d00a64c6a3527db5e368367e51e31c2',NULL);
INSERT INTO "events" VALUES('old1',6,1,1795346908595193,'notice','{"fix":"fix","type":"notice","what":"what","why":"why"}','','078c63f71c99e40d4c3f6adecaca2ef83d00a64c6a3527db5e368367e51e31c2','da0084fac1b4ed84c0a6dac6c4f38704a9de2756b3fdbadad24ff3c1fa1bddb4',NULL);
INSERT INTO "events" VALUES('old1',7,1,1795346908595193,'sandbox.opened','{"image":"image","micros":6,"purpose":"purpose","sandbox":"sandbox","type":"sandbox.opened"}','','da0084fac1b4ed84c0a6dac6c4f38704a9de2756b3fdbadad24ff3c1fa1bddb4','4574ec9cb5c10989066d910fbbf37f95b1286e0bfc183571439148d685153847',NULL);
INSERT INTO "events" VALUES('old1',8,1,1795346908595193,'sandbox.closed','{"sandbox":"sandbox","type":"sandbox.closed","why":"why"}','','4574ec9cb5c10989066d910fbbf37f95b1286e0bfc183571439148d685153847','aacc374d2eec0eb952b62c5bcd4802bb0ea7357d51af60598e8e14ebaa48eb03',NULL);
INSERT INTO "events" VALUES('old1',9,1,1795346908595193,'gate.started','{"gate":"gate","iteration":9,"place":"candidate","tree":"tree","type":"gate.started"}','','aacc374d2eec0eb952b62c5bcd4802bb0ea7357d51af60598e8e14ebaa48eb03','e32d909082034d521873bbe4744abae49e66293ce3100d7b91d7ec2f873828f0',NULL);
INSERT INTO "events" VALUES('old1',10,1,1795346908595193,'gate.finished','{"baseline_failures":["baseline_failures"],"cached":true,"gate":"gate","green":true,"iteration":9,"key":"key","micros":6,"new_failures":["new_failures"],"place":"candidate","status":"status","summary":"summary","tree":"tree","type":"gate.finished","violations":10}','2a5bfc36fa1b0293629b9d128e20e77134dc5f56caaf9171ecd2a15b28ad77fd','e32d909082034d521873bbe4744abae49e66293ce3100d7b91d7ec2f873828f0','44f170f7c228b2d9a6e4e9a1592e1927ba584dee203175f0566d688e654ba7ee','key');
INSERT INTO "events" VALUES('old1',11,1,1795346908595193,'iteration.started','{"model":"model","n":1,"parent":"parent","type":"iteration.started"}','','44f170f7c228b2d9a6e4e9a1592e1927ba584dee203175f0566d688e654ba7ee','e45d894a3d1a7348fa39d4906159e3f626451d9ffa93371e6b3e77d50c1aec66',NULL);
INSERT INTO "events" VALUES('old1',12,1,1795346908595193,'iteration.finished','{"accepted":true,"ending":"ending","fingerprint":"fingerprint","green":true,"n":1,"score":[5],"type":"iteration.finished"}','fc7e32ea30af65970fe2f76b9d1721fba2d0e2901ea9593009a8542697012e5d','e45d894a3d1a7348fa39d4906159e3f626451d9ffa93371e6b3e77d50c1aec66','e1b80eb59c7c438af044a3dc4f8085934172ea03a652688e4c8131b199f7ddfd',NULL);
INSERT INTO "events" VALUES('old1',13,1,1795346908595193,'notes.injected','{"notes":["notes"],"type":"notes.injected"}','','e1b80eb59c7c438af044a3dc4f8085934172ea03a652688e4c8131b199f7ddfd','8a4c0b2ea17eee7525d7080af994c13b5584bbee099e640336f41e810aaf3765',NULL);
INSERT INTO "events" VALUES('old1',14,1,1795346908595193,'note.learned','{"kind":"kind","note":"note","text":"text","type":"note.learned"}','','8a4c0b2ea17eee7525d7080af994c13b5584bbee099e640336f41e810aaf3765','478b15c9c1f62a84e34a081c016cd9e3bf1c869315c3667310a0ce5ea31acba1',NULL);
INSERT INTO "events" VALUES('old1',15,1,1795346908595193,'conversation.opened','{"conversation":"conversation","model":"model","role":"light","type":"conversation.opened"}','3e23541f810b69ecc06e52e11a1eae5bd3550163dec8ce1365a5f1c326935f9f','478b15c9c1f62a84e34a081c016cd9e3bf1c869315c3667310a0ce5ea31acba1','576782eae6165ec64c4e63b6e5517d5be6e43ed1bdaed86e3ea9daad077d0222',NULL);
INSERT INTO "events" VALUES('old1',16,1,1795346908595193,'model.requested','{"attempt":7,"call":4,"conversation":"conversation","model":"model","reserved":8,"type":"model.requested"}','','576782eae6165ec64c4e63b6e5517d5be6e43ed1bdaed86e3ea9daad077d0222','e9c9ebc35e6e7d85883fed8ae97f2687b3c79d1e769d316cde16708633359995',NULL);
INSERT INTO "events" VALUES('old1',17,1,1795346908595193,'model.replied','{"call":4,"calls":5,"conversation":"conversation","cost":4,"micros":6,"model":"model","request_id":"request_id","stop_reason":"stop_reason","type":"model.replied","usage":{"cache_read":10,"cache_write_1h":14,"cache_write_5m":14,"input":5,"output":6}}','2b10a983678823be1994bd1d02e91668bcb9ac2e25ae58324c6a6b73ce3b85d6','e9c9ebc35e6e7d85883fed8ae97f2687b3c79d1e769d316cde16708633359995','d54eaf7df0089820e5169e6d28078074e21ca76720ab3f695e898b98705acdf1',NULL);
INSERT INTO "events" VALUES('old1',18,1,1795346908595193,'model.failed','{"attempt":7,"call":4,"conversation":"conversation","cost":4,"kind":"kind","message":"message","model":"model","retry_micros":12,"type":"model.failed"}','','d54eaf7df0089820e5169e6d28078074e21ca76720ab3f695e898b98705acdf1','adaeab5ab1f99a2a10eb3989496b3e88939bca61a1506177f142ad1f735fdf82',NULL);
INSERT INTO "events" VALUES('old1',19,1,1795346908595193,'tool.started','{"call":"call","conversation":"conversation","name":"name","summary":"summary","type":"tool.started"}','6bd4cab55b8b024c9ec4e75794c1b5e377ec7f8b0024fad68741a56981e09f71','adaeab5ab1f99a2a10eb3989496b3e88939bca61a1506177f142ad1f735fdf82','da0e4e6e27a0c71c9e976d72bdb9b91c40cd8cc701809fc359be97038215be75',NULL);
INSERT INTO "events" VALUES('old1',20,1,1795346908595193,'tool.finished','{"call":"call","conversation":"conversation","final":"final","micros":6,"name":"name","status":"skipped","type":"tool.finished"}','594387fca1d016a0c12566a440511829c35b3b08f36f5f35fcc0fff184e00980','da0e4e6e27a0c71c9e976d72bdb9b91c40cd8cc701809fc359be97038215be75','abdc231c77809c8342dc41f49a7017c9f33011adf8a87a04968d6984588020d5',NULL);
INSERT INTO "events" VALUES('old1',21,1,1795346908595193,'told','{"conversation":"conversation","text":"text","type":"told","why":"why"}','','abdc231c77809c8342dc41f49a7017c9f33011adf8a87a04968d6984588020d5','dbc8fca9f63f3aa614b60d3d062592925c774c23518a165498a8a756df8cddea',NULL);
INSERT INTO "events" VALUES('old1',22,1,1795346908595193,'conversation.ended','{"conversation":"conversation","detail":"detail","ending":"ending","type":"conversation.ended"}','','dbc8fca9f63f3aa614b60d3d062592925c774c23518a165498a8a756df8cddea','6ef4082ec4a07b9301bd1774ed4c615356b2ed5e4b098f6ae3e75b213cf14ca2',NULL);
INSERT INTO "events" VALUES('old1',23,1,1795346908595193,'candidate.made','{"commit":"commit","diff":{"deletions":9,"files":5,"insertions":10},"n":1,"parent":"parent","paths":["paths"],"tree":"tree","type":"candidate.made"}','','6ef4082ec4a07b9301bd1774ed4c615356b2ed5e4b098f6ae3e75b213cf14ca2','23572f6fdb6e78ee62a195772a39da41e58a0bd91eeceef7b3e37dd279fbb908',NULL);
INSERT INTO "events" VALUES('old1',24,1,1795346908595193,'verdict.given','{"criteria":[{"evidence":"evidence","id":"id","state":"not_verifiable"}],"decision":"escalate","dropped":[{"claim":"claim","line":4,"path":"path","severity":"minor"}],"findings":[{"claim":"claim","line":4,"path":"path","severity":"minor"}],"model":"model","n":1,"summary":"summary","type":"verdict.given"}','','23572f6fdb6e78ee62a195772a39da41e58a0bd91eeceef7b3e37dd279fbb908','391139b6708f4b43e320723d0fa0917474462ef878bd75c9804641727ddb3e49',NULL);
INSERT INTO "events" VALUES('old1',25,1,1795346908595193,'breaker.tripped','{"limit":5,"name":"name","type":"breaker.tripped","unit":"unit","value":5}','','391139b6708f4b43e320723d0fa0917474462ef878bd75c9804641727ddb3e49','4089fb2decfea99027d73844a82276a461a648130831fc66ec2bee0de619d575',NULL);
INSERT INTO "events" VALUES('old1',26,1,1795346908595193,'branch.intended','{"branch":"branch","commit":"commit","tree":"tree","type":"branch.intended"}','','4089fb2decfea99027d73844a82276a461a648130831fc66ec2bee0de619d575','439613e0c51283730a7fbfc1a5815887bda8539785d97cee18f8b2f4a35dc827',NULL);
INSERT INTO "events" VALUES('old1',27,1,1795346908595193,'branch.made','{"branch":"branch","commit":"commit","tree":"tree","type":"branch.made"}','','439613e0c51283730a7fbfc1a5815887bda8539785d97cee18f8b2f4a35dc827','85d361c34e2f0790619906f9f129b9d0c868a0898cef634ab0203d54b6524cbb',NULL);
INSERT INTO "events" VALUES('old1',28,1,1795346908595193,'command.received','{"command":7,"kind":"kind","principal":"principal","text":"text","type":"command.received"}','','85d361c34e2f0790619906f9f129b9d0c868a0898cef634ab0203d54b6524cbb','c2d56a759ef77e40cf0800318833db37c0ac018e5405755e3826bd0bf734039f',NULL);
CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
INSERT INTO "meta" VALUES('schema','1');
CREATE TABLE payloads (
    run TEXT NOT NULL REFERENCES runs (id),
    digest TEXT NOT NULL,
    body BYTEA NOT NULL,            -- canonical JSON, deflated when that pays
    PRIMARY KEY (run, digest)
);
INSERT INTO "payloads" VALUES('old1','21302650893be52e1cf037df9ffa753e912b9e2ac01aef01c33451360a776698',X'7B2273657474696E6773223A2273657474696E6773227D');
INSERT INTO "payloads" VALUES('old1','2a5bfc36fa1b0293629b9d128e20e77134dc5f56caaf9171ecd2a15b28ad77fd',X'78019550BB0EC2300CFC17CF1E11437F05314460C0224D4A62F350D57FE712283B4BEE7C7E9C9D998A548F46C34CA7A0D111D2B09BE9288690869530E911111EA6A84968D8308D526B3883FF18D314EC02A1C3B2673A076B051D98AE9ADA980EE8D743C9F0DB32A56CDDF94BD098DD26C7622B69A36B15B4EF5686AA2237D7D2542B2E4CF5AAD3F4295A29AAAA057318FDD2907C1C437935EDCB98EE9A6330CDE9F307277D22DDDE3F6EC64A1EDBC51DE02377296ACDE8114AA265BF2C6F17BA7BE6');
INSERT INTO "payloads" VALUES('old1','fc7e32ea30af65970fe2f76b9d1721fba2d0e2901ea9593009a8542697012e5d',X'7B22666565646261636B223A22666565646261636B227D');
INSERT INTO "payloads" VALUES('old1','3e23541f810b69ecc06e52e11a1eae5bd3550163dec8ce1365a5f1c326935f9f',X'7B226669727374223A226669727374222C2273797374656D223A2273797374656D222C22746F6F6C73223A22746F6F6C73227D');
INSERT INTO "payloads" VALUES('old1','2b10a983678823be1994bd1d02e91668bcb9ac2e25ae58324c6a6b73ce3b85d6',X'7B2274657874223A2274657874222C227468696E6B696E67223A227468696E6B696E67222C2277697265223A2277697265227D');
INSERT INTO "payloads" VALUES('old1','6bd4cab55b8b024c9ec4e75794c1b5e377ec7f8b0024fad68741a56981e09f71',X'7B22696E707574223A22696E707574227D');
INSERT INTO "payloads" VALUES('old1','594387fca1d016a0c12566a440511829c35b3b08f36f5f35fcc0fff184e00980',X'7B226F7574707574223A226F7574707574227D');
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
INSERT INTO "runs" VALUES('old1',1,28,'c2d56a759ef77e40cf0800318833db37c0ac018e5405755e3826bd0bf734039f','50d7c2188cd66fb8017decb728622d87',1795346908585974,1795346908595193,1,'{"run":"old1","goal":"text","source":"source","repo":"repo","repo_id":"repo_id","phase":"publishing","outcome":"cancelled","reason":"reason","exit_code":9,"iterations":1,"max_iterations":10,"green":true,"red":[],"accounts":{"spends":[{"role":"conversation","model":"model","calls":1,"failed":1,"usage":{"input":5,"output":6,"cache_read":10,"cache_write_5m":14,"cache_write_1h":14},"settled":8,"held":0}],"holds":[]},"limit":9,"created":1795346908595193,"ended":1795346908595193,"owner":"owner","epoch":1,"branch":"branch","diff":null,"score":[5],"latest":{"files":5,"insertions":10,"deletions":9}}');
CREATE INDEX runs_by_time ON runs (created, id);
CREATE INDEX events_by_key ON events (key, ts) WHERE key IS NOT NULL;
CREATE TRIGGER events_are_facts BEFORE UPDATE ON events BEGIN
    SELECT RAISE(ABORT, 'events are append-only');
END;
CREATE TRIGGER events_stay BEFORE DELETE ON events BEGIN
    SELECT RAISE(ABORT, 'events are append-only');
END;
COMMIT;
