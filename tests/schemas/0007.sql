BEGIN TRANSACTION;
CREATE VIRTUAL TABLE incident_text USING fts5(words, columnsize=0, tokenize='unicode61 remove_diacritics 2');
INSERT INTO incident_text(rowid, words) VALUES(1,'PW-49915e0d7d
Somebody was here
2 lines
ann on 1 lines
ann! on 1 lines
ann
portal
T1110
seen
somebody was here');
INSERT INTO incident_text(rowid, words) VALUES(2,'PW-81b637d8fc
Somebody was here
1 lines
bob on 1 lines
bob
portal
T1110
seen
somebody was here');
INSERT INTO incident_text(rowid, words) VALUES(3,'PW-5424626b93
Somebody was here
3 lines
cid on 1 lines
cid+dan on 1 lines
dan on 1 lines
cid
dan
portal
T1110
seen
somebody was here');
INSERT INTO incident_text(rowid, words) VALUES(5,'PW-85262adf74
Somebody was here
1 lines
eve on 1 lines
eve
portal
T1110
seen
somebody was here');
CREATE TABLE account_links (
	digest BLOB NOT NULL, 
	account_id VARCHAR NOT NULL, 
	expires_us INTEGER NOT NULL, 
	CONSTRAINT pk_account_links PRIMARY KEY (digest), 
	CONSTRAINT fk_account_links_account_id FOREIGN KEY(account_id) REFERENCES accounts (id) ON DELETE CASCADE
);
CREATE TABLE accounts (
	id VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	shown VARCHAR NOT NULL, 
	role VARCHAR NOT NULL, 
	language VARCHAR NOT NULL, 
	zone VARCHAR NOT NULL, 
	issuer VARCHAR NOT NULL, 
	subject VARCHAR NOT NULL, 
	password VARCHAR, 
	totp BLOB, 
	totp_step INTEGER NOT NULL, 
	disabled BOOLEAN NOT NULL, 
	created_us INTEGER NOT NULL, 
	seen_us INTEGER, 
	CONSTRAINT pk_accounts PRIMARY KEY (id), 
	CONSTRAINT uq_accounts_name UNIQUE (name)
);
CREATE TABLE alarm_incidents (
	alarm_id INTEGER NOT NULL, 
	incident_id VARCHAR NOT NULL, 
	severity INTEGER NOT NULL, 
	added_us INTEGER NOT NULL, 
	CONSTRAINT pk_alarm_incidents PRIMARY KEY (alarm_id, incident_id), 
	CONSTRAINT fk_alarm_incidents_alarm_id FOREIGN KEY(alarm_id) REFERENCES alarms (id)
);
CREATE TABLE alarms (
	id INTEGER NOT NULL, 
	kind VARCHAR NOT NULL, 
	opened_us INTEGER NOT NULL, 
	severity INTEGER NOT NULL, 
	priority INTEGER NOT NULL, 
	text VARCHAR NOT NULL, 
	told_us INTEGER, 
	told_count INTEGER NOT NULL, 
	told_severity INTEGER NOT NULL, 
	acked_us INTEGER, 
	acked_by VARCHAR NOT NULL, 
	ended_us INTEGER, 
	CONSTRAINT pk_alarms PRIMARY KEY (id)
);
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0007');
CREATE TABLE api_tokens (
	id VARCHAR NOT NULL, 
	account_id VARCHAR NOT NULL, 
	label VARCHAR NOT NULL, 
	digest BLOB NOT NULL, 
	scope VARCHAR NOT NULL, 
	created_us INTEGER NOT NULL, 
	expires_us INTEGER NOT NULL, 
	used_us INTEGER, 
	CONSTRAINT pk_api_tokens PRIMARY KEY (id), 
	CONSTRAINT fk_api_tokens_account_id FOREIGN KEY(account_id) REFERENCES accounts (id) ON DELETE CASCADE, 
	CONSTRAINT uq_api_tokens_digest UNIQUE (digest)
);
CREATE TABLE asks (
	id INTEGER NOT NULL, 
	incident_id VARCHAR, 
	at_us INTEGER NOT NULL, 
	who VARCHAR NOT NULL, 
	text VARCHAR NOT NULL, 
	told VARCHAR NOT NULL, 
	answered_us INTEGER, 
	answered_by VARCHAR NOT NULL, 
	answer VARCHAR NOT NULL, 
	CONSTRAINT pk_asks PRIMARY KEY (id), 
	CONSTRAINT fk_asks_incident_id FOREIGN KEY(incident_id) REFERENCES incidents (id)
);
CREATE TABLE audit (
	id INTEGER NOT NULL, 
	at_us INTEGER NOT NULL, 
	actor VARCHAR NOT NULL, 
	who VARCHAR NOT NULL, 
	role VARCHAR NOT NULL, 
	address VARCHAR NOT NULL, 
	action VARCHAR NOT NULL, 
	about VARCHAR NOT NULL, 
	detail VARCHAR NOT NULL, 
	outcome VARCHAR NOT NULL, 
	entry INTEGER, 
	CONSTRAINT pk_audit PRIMARY KEY (id)
);
CREATE TABLE contents (
	digest VARCHAR NOT NULL, 
	size_bytes INTEGER NOT NULL, 
	input_id INTEGER NOT NULL, 
	CONSTRAINT pk_contents PRIMARY KEY (digest), 
	CONSTRAINT fk_contents_input_id FOREIGN KEY(input_id) REFERENCES inputs (id)
);
INSERT INTO "contents" VALUES('6b9fdc75ea4335892a0345a7cd3ab964c31a139ed6bdcbaeff29f28824028e77',15,1);
INSERT INTO "contents" VALUES('30e6347bca5cacb056b19aa341ec4d0e14d78781dc31eb94bbebf635f068b4a8',8,2);
INSERT INTO "contents" VALUES('c69e36dd2e622972d1b95d6b3c9358a6438445940b739bfef8c0e8e3f03810bc',12,3);
CREATE TABLE detection_lines (
	detection_id VARCHAR NOT NULL, 
	input_id INTEGER NOT NULL, 
	numbers BLOB NOT NULL, 
	CONSTRAINT pk_detection_lines PRIMARY KEY (detection_id, input_id), 
	CONSTRAINT fk_detection_lines_detection_id FOREIGN KEY(detection_id) REFERENCES detections (id) ON DELETE CASCADE, 
	CONSTRAINT fk_detection_lines_input_id FOREIGN KEY(input_id) REFERENCES inputs (id)
);
INSERT INTO "detection_lines" VALUES('4e253fd73e1fdb299b52840afef3b50796a16000ef8cc00876ab44671d40401b',1,X'01789C63040000020002');
INSERT INTO "detection_lines" VALUES('70bd68bb0555358ff4dcd961fb104466a487101e857c2a4e656a7696883a687a',1,X'01789C63060000040004');
INSERT INTO "detection_lines" VALUES('3484854ea4487d426f5f1d57d96c2bf3d2d5d6c5a4aa729e2588cd851692ed47',1,X'01789C63010000050005');
INSERT INTO "detection_lines" VALUES('0834f0b3da79992701eafaef6413fc075120aca09c31501306d960b3bf3f7a25',2,X'01789C63040000020002');
INSERT INTO "detection_lines" VALUES('627df4670c92182d20813768822bac3fd00c64644e9bbcc139b59db46a5797c9',2,X'01789C63020000030003');
INSERT INTO "detection_lines" VALUES('b4aa607970b654f89d0ee68ce88e6b9eb4f0d70f0a07cfcc53f36a7f32cae4e4',3,X'01789C63040000020002');
INSERT INTO "detection_lines" VALUES('1bcc4fe7137b6529a7a91e0c71883dd634c9f68b43f45cefca7faf3a82238044',3,X'01789C63020000030003');
CREATE TABLE detections (
	id VARCHAR NOT NULL, 
	severity INTEGER NOT NULL, 
	first_us INTEGER, 
	last_us INTEGER, 
	body VARCHAR NOT NULL, 
	CONSTRAINT pk_detections PRIMARY KEY (id)
);
INSERT INTO "detections" VALUES('4e253fd73e1fdb299b52840afef3b50796a16000ef8cc00876ab44671d40401b',2,1793700000000000,1793700000000000,'{"rule_id":"seen","title":"somebody was here","techniques":["T1110"],"actors":{"ip":[],"user":["ann"],"host":[],"domain":[]},"targets":["portal"],"why":"ann on 1 lines","logsource":{"category":"application","product":"","service":""},"tool":"","succeeded":false,"meaning":"","steps":[]}');
INSERT INTO "detections" VALUES('70bd68bb0555358ff4dcd961fb104466a487101e857c2a4e656a7696883a687a',2,1793700000000000,1793700000000000,'{"rule_id":"seen","title":"somebody was here","techniques":["T1110"],"actors":{"ip":[],"user":["bob"],"host":[],"domain":[]},"targets":["portal"],"why":"bob on 1 lines","logsource":{"category":"application","product":"","service":""},"tool":"","succeeded":false,"meaning":"","steps":[]}');
INSERT INTO "detections" VALUES('3484854ea4487d426f5f1d57d96c2bf3d2d5d6c5a4aa729e2588cd851692ed47',3,1793700000000000,1793700000000000,'{"rule_id":"won","title":"somebody was here","techniques":["T1110"],"actors":{"ip":[],"user":["ann"],"host":[],"domain":[]},"targets":["portal"],"why":"ann! on 1 lines","logsource":{"category":"application","product":"","service":""},"tool":"","succeeded":true,"meaning":"","steps":[]}');
INSERT INTO "detections" VALUES('0834f0b3da79992701eafaef6413fc075120aca09c31501306d960b3bf3f7a25',2,1793700000000000,1793700000000000,'{"rule_id":"seen","title":"somebody was here","techniques":["T1110"],"actors":{"ip":[],"user":["cid"],"host":[],"domain":[]},"targets":["portal"],"why":"cid on 1 lines","logsource":{"category":"application","product":"","service":""},"tool":"","succeeded":false,"meaning":"","steps":[]}');
INSERT INTO "detections" VALUES('627df4670c92182d20813768822bac3fd00c64644e9bbcc139b59db46a5797c9',2,1793700000000000,1793700000000000,'{"rule_id":"seen","title":"somebody was here","techniques":["T1110"],"actors":{"ip":[],"user":["dan"],"host":[],"domain":[]},"targets":["portal"],"why":"dan on 1 lines","logsource":{"category":"application","product":"","service":""},"tool":"","succeeded":false,"meaning":"","steps":[]}');
INSERT INTO "detections" VALUES('b4aa607970b654f89d0ee68ce88e6b9eb4f0d70f0a07cfcc53f36a7f32cae4e4',2,1793700000000000,1793700000000000,'{"rule_id":"seen","title":"somebody was here","techniques":["T1110"],"actors":{"ip":[],"user":["cid","dan"],"host":[],"domain":[]},"targets":["portal"],"why":"cid+dan on 1 lines","logsource":{"category":"application","product":"","service":""},"tool":"","succeeded":false,"meaning":"","steps":[]}');
INSERT INTO "detections" VALUES('1bcc4fe7137b6529a7a91e0c71883dd634c9f68b43f45cefca7faf3a82238044',2,1793700000000000,1793700000000000,'{"rule_id":"seen","title":"somebody was here","techniques":["T1110"],"actors":{"ip":[],"user":["eve"],"host":[],"domain":[]},"targets":["portal"],"why":"eve on 1 lines","logsource":{"category":"application","product":"","service":""},"tool":"","succeeded":false,"meaning":"","steps":[]}');
CREATE TABLE event_files (
	name VARCHAR NOT NULL, 
	input_id INTEGER NOT NULL, 
	category VARCHAR NOT NULL, 
	product VARCHAR NOT NULL, 
	service VARCHAR NOT NULL, 
	rows INTEGER NOT NULL, 
	CONSTRAINT pk_event_files PRIMARY KEY (name), 
	CONSTRAINT fk_event_files_input_id FOREIGN KEY(input_id) REFERENCES inputs (id)
);
INSERT INTO "event_files" VALUES('application-_-_/6b9fdc75ea4335892a0345a7cd3ab964c31a139ed6bdcbaeff29f28824028e77-0000.parquet',1,'application','','',3);
INSERT INTO "event_files" VALUES('application-_-_/30e6347bca5cacb056b19aa341ec4d0e14d78781dc31eb94bbebf635f068b4a8-0000.parquet',2,'application','','',2);
INSERT INTO "event_files" VALUES('application-_-_/c69e36dd2e622972d1b95d6b3c9358a6438445940b739bfef8c0e8e3f03810bc-0000.parquet',3,'application','','',2);
CREATE TABLE exception_hits (
	exception_id INTEGER NOT NULL, 
	incident_id VARCHAR NOT NULL, 
	CONSTRAINT pk_exception_hits PRIMARY KEY (exception_id, incident_id), 
	CONSTRAINT fk_exception_hits_exception_id FOREIGN KEY(exception_id) REFERENCES exceptions (id), 
	CONSTRAINT fk_exception_hits_incident_id FOREIGN KEY(incident_id) REFERENCES incidents (id)
);
CREATE TABLE exceptions (
	id INTEGER NOT NULL, 
	incident_id VARCHAR, 
	body VARCHAR NOT NULL, 
	reason VARCHAR NOT NULL, 
	who VARCHAR NOT NULL, 
	created_us INTEGER NOT NULL, 
	expires_us INTEGER NOT NULL, 
	ended_us INTEGER, 
	CONSTRAINT pk_exceptions PRIMARY KEY (id), 
	CONSTRAINT fk_exceptions_incident_id FOREIGN KEY(incident_id) REFERENCES incidents (id)
);
CREATE TABLE incident_aliases (
	alias VARCHAR NOT NULL, 
	incident_id VARCHAR NOT NULL, 
	CONSTRAINT pk_incident_aliases PRIMARY KEY (alias), 
	CONSTRAINT fk_incident_aliases_incident_id FOREIGN KEY(incident_id) REFERENCES incidents (id)
);
INSERT INTO "incident_aliases" VALUES('PW-ec4f2dbb3b','PW-5424626b93');
CREATE TABLE incident_changes (
	seq INTEGER NOT NULL, 
	began INTEGER NOT NULL, 
	incident_id VARCHAR NOT NULL, 
	number INTEGER NOT NULL, 
	removed INTEGER NOT NULL, 
	CONSTRAINT pk_incident_changes PRIMARY KEY (seq), 
	CONSTRAINT uq_incident_changes_incident_id UNIQUE (incident_id)
);
INSERT INTO "incident_changes" VALUES(6,2,'PW-81b637d8fc',2,0);
INSERT INTO "incident_changes" VALUES(7,1,'PW-49915e0d7d',1,0);
INSERT INTO "incident_changes" VALUES(8,4,'PW-ec4f2dbb3b',4,1);
INSERT INTO "incident_changes" VALUES(9,3,'PW-5424626b93',3,0);
INSERT INTO "incident_changes" VALUES(10,10,'PW-85262adf74',5,0);
CREATE TABLE incident_history (
	id INTEGER NOT NULL, 
	incident_id VARCHAR NOT NULL, 
	at_us INTEGER NOT NULL, 
	who VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	status VARCHAR NOT NULL, 
	text VARCHAR NOT NULL, 
	CONSTRAINT pk_incident_history PRIMARY KEY (id), 
	CONSTRAINT fk_incident_history_incident_id FOREIGN KEY(incident_id) REFERENCES incidents (id)
);
INSERT INTO "incident_history" VALUES(1,'PW-81b637d8fc',1793700000000000,'eva','status','closed','a robot');
INSERT INTO "incident_history" VALUES(2,'PW-49915e0d7d',1793700000000000,'eva','note','open','called the owner — naïve ‮ text');
INSERT INTO "incident_history" VALUES(3,'PW-5424626b93',1793700000000000,'pollwatch scan','merged','open','PW-ec4f2dbb3b');
CREATE TABLE incident_index (
	number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	incident_id VARCHAR NOT NULL, 
	severity INTEGER NOT NULL, 
	status VARCHAR NOT NULL, 
	assignee VARCHAR NOT NULL, 
	priority INTEGER NOT NULL, 
	phase VARCHAR NOT NULL, 
	first_us INTEGER, 
	last_us INTEGER, 
	CONSTRAINT uq_incident_index_incident_id UNIQUE (incident_id)
);
INSERT INTO "incident_index" VALUES(1,'PW-49915e0d7d',3,'open','',5,'',1793700000000000,1793700000000000);
INSERT INTO "incident_index" VALUES(2,'PW-81b637d8fc',2,'closed','',5,'',1793700000000000,1793700000000000);
INSERT INTO "incident_index" VALUES(3,'PW-5424626b93',2,'open','',5,'',1793700000000000,1793700000000000);
INSERT INTO "incident_index" VALUES(5,'PW-85262adf74',2,'open','',5,'',1793700000000000,1793700000000000);
CREATE TABLE incident_keys (
	term INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	CONSTRAINT pk_incident_keys PRIMARY KEY (term, number)
)
 WITHOUT ROWID

;
INSERT INTO "incident_keys" VALUES(1,1);
INSERT INTO "incident_keys" VALUES(2,1);
INSERT INTO "incident_keys" VALUES(3,1);
INSERT INTO "incident_keys" VALUES(4,1);
INSERT INTO "incident_keys" VALUES(2,2);
INSERT INTO "incident_keys" VALUES(3,2);
INSERT INTO "incident_keys" VALUES(4,2);
INSERT INTO "incident_keys" VALUES(5,2);
INSERT INTO "incident_keys" VALUES(2,3);
INSERT INTO "incident_keys" VALUES(3,3);
INSERT INTO "incident_keys" VALUES(4,3);
INSERT INTO "incident_keys" VALUES(6,3);
INSERT INTO "incident_keys" VALUES(7,3);
INSERT INTO "incident_keys" VALUES(2,5);
INSERT INTO "incident_keys" VALUES(3,5);
INSERT INTO "incident_keys" VALUES(4,5);
INSERT INTO "incident_keys" VALUES(8,5);
CREATE TABLE incident_lines (
	incident_id VARCHAR NOT NULL, 
	input_id INTEGER NOT NULL, 
	numbers BLOB NOT NULL, 
	CONSTRAINT pk_incident_lines PRIMARY KEY (incident_id, input_id), 
	CONSTRAINT fk_incident_lines_incident_id FOREIGN KEY(incident_id) REFERENCES incidents (id), 
	CONSTRAINT fk_incident_lines_input_id FOREIGN KEY(input_id) REFERENCES inputs (id)
);
INSERT INTO "incident_lines" VALUES('PW-49915e0d7d',1,X'01789C6364060000070005');
INSERT INTO "incident_lines" VALUES('PW-81b637d8fc',1,X'01789C63060000040004');
INSERT INTO "incident_lines" VALUES('PW-5424626b93',2,X'01789C6364040000050003');
INSERT INTO "incident_lines" VALUES('PW-5424626b93',3,X'01789C63040000020002');
INSERT INTO "incident_lines" VALUES('PW-85262adf74',3,X'01789C63020000030003');
CREATE TABLE incident_merges (
	id INTEGER NOT NULL, 
	incident_id VARCHAR NOT NULL, 
	other VARCHAR NOT NULL, 
	at_us INTEGER NOT NULL, 
	who VARCHAR NOT NULL, 
	CONSTRAINT pk_incident_merges PRIMARY KEY (id), 
	CONSTRAINT fk_incident_merges_incident_id FOREIGN KEY(incident_id) REFERENCES incidents (id)
);
CREATE TABLE incident_samples (
	incident_id VARCHAR NOT NULL, 
	input_id INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	text VARCHAR NOT NULL, 
	CONSTRAINT pk_incident_samples PRIMARY KEY (incident_id, input_id, number), 
	CONSTRAINT fk_incident_samples_incident_id FOREIGN KEY(incident_id) REFERENCES incidents (id), 
	CONSTRAINT fk_incident_samples_input_id FOREIGN KEY(input_id) REFERENCES inputs (id)
);
INSERT INTO "incident_samples" VALUES('PW-49915e0d7d',1,1,0,'ann');
INSERT INTO "incident_samples" VALUES('PW-49915e0d7d',1,4,1,'ann!');
INSERT INTO "incident_samples" VALUES('PW-81b637d8fc',1,3,0,'bob');
INSERT INTO "incident_samples" VALUES('PW-5424626b93',2,1,0,'cid');
INSERT INTO "incident_samples" VALUES('PW-5424626b93',2,2,1,'dan');
INSERT INTO "incident_samples" VALUES('PW-5424626b93',3,1,2,'cid+dan');
INSERT INTO "incident_samples" VALUES('PW-85262adf74',3,2,0,'eve');
CREATE TABLE incident_splits (
	id INTEGER NOT NULL, 
	incident_id VARCHAR NOT NULL, 
	part_id VARCHAR NOT NULL, 
	body VARCHAR NOT NULL, 
	at_us INTEGER NOT NULL, 
	who VARCHAR NOT NULL, 
	CONSTRAINT pk_incident_splits PRIMARY KEY (id), 
	CONSTRAINT fk_incident_splits_incident_id FOREIGN KEY(incident_id) REFERENCES incidents (id), 
	CONSTRAINT fk_incident_splits_part_id FOREIGN KEY(part_id) REFERENCES incidents (id)
);
CREATE TABLE incident_terms (
	id INTEGER NOT NULL, 
	kind VARCHAR NOT NULL, 
	value VARCHAR NOT NULL, 
	label VARCHAR NOT NULL, 
	CONSTRAINT pk_incident_terms PRIMARY KEY (id), 
	CONSTRAINT uq_incident_terms_kind_value UNIQUE (kind, value)
);
INSERT INTO "incident_terms" VALUES(1,'user','ann','');
INSERT INTO "incident_terms" VALUES(2,'asset','portal','');
INSERT INTO "incident_terms" VALUES(3,'technique','T1110','');
INSERT INTO "incident_terms" VALUES(4,'rule','seen','somebody was here');
INSERT INTO "incident_terms" VALUES(5,'user','bob','');
INSERT INTO "incident_terms" VALUES(6,'user','cid','');
INSERT INTO "incident_terms" VALUES(7,'user','dan','');
INSERT INTO "incident_terms" VALUES(8,'user','eve','');
CREATE TABLE incidents (
	id VARCHAR NOT NULL, 
	severity INTEGER NOT NULL, 
	status VARCHAR NOT NULL, 
	first_us INTEGER, 
	last_us INTEGER, 
	line_count INTEGER NOT NULL, 
	body VARCHAR NOT NULL, 
	created_us INTEGER NOT NULL, 
	updated_us INTEGER NOT NULL, assignee VARCHAR DEFAULT '' NOT NULL, 
	CONSTRAINT pk_incidents PRIMARY KEY (id)
);
INSERT INTO "incidents" VALUES('PW-49915e0d7d',3,'open',1793700000000000,1793700000000000,2,'{"title":"Somebody was here","summary":"2 lines","why":["ann on 1 lines","ann! on 1 lines"],"phases":[{"name":"Guessing","technique":"T1110","tactic":"credential-access","first_us":1793700000000000,"last_us":1793700000000000,"lines":2}],"techniques":["T1110"],"tactics":["credential-access"],"tools":[],"actors":{"ip":[],"user":["ann"],"host":[],"domain":[]},"targets":["portal"],"rules":[{"id":"seen","title":"somebody was here","count":2}],"advice":["Look."],"election":{"election":"","phase":"","priority":5}}',1793700000000000,1793700000000000,'');
INSERT INTO "incidents" VALUES('PW-81b637d8fc',2,'closed',1793700000000000,1793700000000000,1,'{"title":"Somebody was here","summary":"1 lines","why":["bob on 1 lines"],"phases":[{"name":"Guessing","technique":"T1110","tactic":"credential-access","first_us":1793700000000000,"last_us":1793700000000000,"lines":1}],"techniques":["T1110"],"tactics":["credential-access"],"tools":[],"actors":{"ip":[],"user":["bob"],"host":[],"domain":[]},"targets":["portal"],"rules":[{"id":"seen","title":"somebody was here","count":1}],"advice":["Look."],"election":{"election":"","phase":"","priority":5}}',1793700000000000,1793700000000000,'');
INSERT INTO "incidents" VALUES('PW-5424626b93',2,'open',1793700000000000,1793700000000000,3,'{"title":"Somebody was here","summary":"3 lines","why":["cid on 1 lines","cid+dan on 1 lines","dan on 1 lines"],"phases":[{"name":"Guessing","technique":"T1110","tactic":"credential-access","first_us":1793700000000000,"last_us":1793700000000000,"lines":3}],"techniques":["T1110"],"tactics":["credential-access"],"tools":[],"actors":{"ip":[],"user":["cid","dan"],"host":[],"domain":[]},"targets":["portal"],"rules":[{"id":"seen","title":"somebody was here","count":3}],"advice":["Look."],"election":{"election":"","phase":"","priority":5}}',1793700000000000,1793700000000000,'');
INSERT INTO "incidents" VALUES('PW-85262adf74',2,'open',1793700000000000,1793700000000000,1,'{"title":"Somebody was here","summary":"1 lines","why":["eve on 1 lines"],"phases":[{"name":"Guessing","technique":"T1110","tactic":"credential-access","first_us":1793700000000000,"last_us":1793700000000000,"lines":1}],"techniques":["T1110"],"tactics":["credential-access"],"tools":[],"actors":{"ip":[],"user":["eve"],"host":[],"domain":[]},"targets":["portal"],"rules":[{"id":"seen","title":"somebody was here","count":1}],"advice":["Look."],"election":{"election":"","phase":"","priority":5}}',1793700000000000,1793700000000000,'');
CREATE TABLE inputs (
	id INTEGER NOT NULL, 
	path VARCHAR NOT NULL, 
	digest VARCHAR NOT NULL, 
	size_bytes INTEGER NOT NULL, 
	format VARCHAR NOT NULL, 
	lines INTEGER NOT NULL, 
	parsed INTEGER NOT NULL, 
	quarantined INTEGER NOT NULL, 
	first_us INTEGER, 
	last_us INTEGER, 
	scanned_us INTEGER NOT NULL, 
	CONSTRAINT pk_inputs PRIMARY KEY (id), 
	CONSTRAINT uq_inputs_digest UNIQUE (digest), 
	CONSTRAINT uq_inputs_path UNIQUE (path)
);
INSERT INTO "inputs" VALUES(1,'a.log','6b9fdc75ea4335892a0345a7cd3ab964c31a139ed6bdcbaeff29f28824028e77',15,'world',4,3,1,1793700000000000,1793700000000000,1793700000000000);
INSERT INTO "inputs" VALUES(2,'b.log','30e6347bca5cacb056b19aa341ec4d0e14d78781dc31eb94bbebf635f068b4a8',8,'world',2,2,0,1793700000000000,1793700000000000,1793700000000000);
INSERT INTO "inputs" VALUES(3,'c.log','c69e36dd2e622972d1b95d6b3c9358a6438445940b739bfef8c0e8e3f03810bc',12,'world',2,2,0,1793700000000000,1793700000000000,1793700000000000);
CREATE TABLE known_places (
	account_id VARCHAR NOT NULL, 
	digest BLOB NOT NULL, 
	seen_us INTEGER NOT NULL, 
	CONSTRAINT pk_known_places PRIMARY KEY (account_id, digest), 
	CONSTRAINT fk_known_places_account_id FOREIGN KEY(account_id) REFERENCES accounts (id) ON DELETE CASCADE
);
CREATE TABLE live_inputs (
	input_id INTEGER NOT NULL, 
	source VARCHAR NOT NULL, 
	stream VARCHAR NOT NULL, 
	generation INTEGER NOT NULL, 
	format VARCHAR NOT NULL, 
	context BLOB NOT NULL, 
	CONSTRAINT pk_live_inputs PRIMARY KEY (input_id), 
	CONSTRAINT fk_live_inputs_input_id FOREIGN KEY(input_id) REFERENCES inputs (id), 
	CONSTRAINT uq_live_inputs_source_stream_generation UNIQUE (source, stream, generation)
);
CREATE TABLE live_positions (
	source VARCHAR NOT NULL, 
	stream VARCHAR NOT NULL, 
	generation INTEGER NOT NULL, 
	position BLOB NOT NULL, 
	CONSTRAINT pk_live_positions PRIMARY KEY (source, stream, generation)
);
CREATE TABLE live_sources (
	name VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	last_record_us INTEGER, 
	last_read_us INTEGER, 
	updated_us INTEGER NOT NULL, 
	lines INTEGER NOT NULL, 
	quarantined INTEGER NOT NULL, 
	dropped INTEGER NOT NULL, 
	lag_bytes INTEGER NOT NULL, 
	state VARCHAR NOT NULL, 
	problem VARCHAR NOT NULL, 
	norm_s INTEGER, 
	CONSTRAINT pk_live_sources PRIMARY KEY (name)
);
CREATE TABLE live_state (
	id INTEGER NOT NULL, 
	seq INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	CONSTRAINT pk_live_state PRIMARY KEY (id)
);
CREATE TABLE live_steps (
	seq INTEGER NOT NULL, 
	body VARCHAR NOT NULL, 
	CONSTRAINT pk_live_steps PRIMARY KEY (seq)
);
CREATE TABLE live_watch (
	id INTEGER NOT NULL, 
	process INTEGER NOT NULL, 
	started_us INTEGER NOT NULL, 
	beat_us INTEGER NOT NULL, 
	step INTEGER NOT NULL, 
	stopped_us INTEGER, 
	CONSTRAINT pk_live_watch PRIMARY KEY (id)
);
CREATE TABLE notify_state (
	name VARCHAR NOT NULL, 
	value VARCHAR NOT NULL, 
	CONSTRAINT pk_notify_state PRIMARY KEY (name)
);
CREATE TABLE outbox (
	id INTEGER NOT NULL, 
	"key" VARCHAR NOT NULL, 
	alarm_id INTEGER, 
	kind VARCHAR NOT NULL, 
	person VARCHAR NOT NULL, 
	channel VARCHAR NOT NULL, 
	subject VARCHAR NOT NULL, 
	body VARCHAR NOT NULL, 
	created_us INTEGER NOT NULL, 
	due_us INTEGER NOT NULL, 
	attempts INTEGER NOT NULL, 
	leased_us INTEGER NOT NULL, 
	sent_us INTEGER, 
	failed_us INTEGER, 
	problem VARCHAR NOT NULL, 
	CONSTRAINT pk_outbox PRIMARY KEY (id), 
	CONSTRAINT fk_outbox_alarm_id FOREIGN KEY(alarm_id) REFERENCES alarms (id), 
	CONSTRAINT uq_outbox_key UNIQUE ("key")
);
CREATE TABLE passkeys (
	id BLOB NOT NULL, 
	account_id VARCHAR NOT NULL, 
	label VARCHAR NOT NULL, 
	public_key BLOB NOT NULL, 
	sign_count INTEGER NOT NULL, 
	synced BOOLEAN NOT NULL, 
	created_us INTEGER NOT NULL, 
	used_us INTEGER, 
	CONSTRAINT pk_passkeys PRIMARY KEY (id), 
	CONSTRAINT fk_passkeys_account_id FOREIGN KEY(account_id) REFERENCES accounts (id) ON DELETE CASCADE
);
CREATE TABLE quarantine_counts (
	input_id INTEGER NOT NULL, 
	reason VARCHAR NOT NULL, 
	lines INTEGER NOT NULL, 
	CONSTRAINT pk_quarantine_counts PRIMARY KEY (input_id, reason), 
	CONSTRAINT fk_quarantine_counts_input_id FOREIGN KEY(input_id) REFERENCES inputs (id)
);
INSERT INTO "quarantine_counts" VALUES(1,'no actor',1);
CREATE TABLE quarantine_lines (
	input_id INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	reason VARCHAR NOT NULL, 
	head BLOB NOT NULL, 
	CONSTRAINT pk_quarantine_lines PRIMARY KEY (input_id, number), 
	CONSTRAINT fk_quarantine_lines_input_id FOREIGN KEY(input_id) REFERENCES inputs (id)
);
INSERT INTO "quarantine_lines" VALUES(1,2,'no actor',X'3F');
CREATE TABLE recovery_codes (
	account_id VARCHAR NOT NULL, 
	digest BLOB NOT NULL, 
	CONSTRAINT pk_recovery_codes PRIMARY KEY (account_id, digest), 
	CONSTRAINT fk_recovery_codes_account_id FOREIGN KEY(account_id) REFERENCES accounts (id) ON DELETE CASCADE
);
CREATE TABLE saved_questions (
	id INTEGER NOT NULL, 
	owner VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	text VARCHAR NOT NULL, 
	shared BOOLEAN NOT NULL, 
	at_us INTEGER NOT NULL, 
	CONSTRAINT pk_saved_questions PRIMARY KEY (id), 
	CONSTRAINT uq_saved_questions_owner_kind_name UNIQUE (owner, kind, name)
);
CREATE TABLE sessions (
	id BLOB NOT NULL, 
	account_id VARCHAR NOT NULL, 
	stage VARCHAR NOT NULL, 
	how VARCHAR NOT NULL, 
	created_us INTEGER NOT NULL, 
	seen_us INTEGER NOT NULL, 
	proved_us INTEGER NOT NULL, 
	address VARCHAR NOT NULL, 
	agent VARCHAR NOT NULL, 
	CONSTRAINT pk_sessions PRIMARY KEY (id), 
	CONSTRAINT fk_sessions_account_id FOREIGN KEY(account_id) REFERENCES accounts (id) ON DELETE CASCADE
);
CREATE TABLE sign_in_tries (
	"key" BLOB NOT NULL, 
	failures INTEGER NOT NULL, 
	last_us INTEGER NOT NULL, 
	CONSTRAINT pk_sign_in_tries PRIMARY KEY ("key")
);
CREATE INDEX ix_contents_input_id ON contents (input_id);
CREATE INDEX ix_event_files_input_id ON event_files (input_id);
CREATE INDEX ix_detection_lines_input_id ON detection_lines (input_id);
CREATE INDEX ix_incident_lines_input_id ON incident_lines (input_id);
CREATE INDEX ix_incident_samples_input_id ON incident_samples (input_id);
CREATE INDEX ix_incident_history_incident_id ON incident_history (incident_id);
CREATE INDEX ix_incident_aliases_incident_id ON incident_aliases (incident_id);
CREATE INDEX ix_detections_last_us ON detections (last_us);
CREATE INDEX ix_incident_keys_number ON incident_keys (number);
CREATE TRIGGER incidents_added AFTER INSERT ON incidents BEGIN
        INSERT INTO incident_index (
            number, incident_id, severity, status, assignee, priority, phase, first_us, last_us
        )
        VALUES (
            (SELECT number FROM incident_changes WHERE incident_id = NEW.id),
            NEW.id, NEW.severity, NEW.status, NEW.assignee,
            coalesce(json_extract(NEW.body, '$.election.priority'), 5),
            coalesce(json_extract(NEW.body, '$.election.phase'), ''),
            NEW.first_us, NEW.last_us
        );
        INSERT INTO incident_changes (seq, began, incident_id, number, removed)
        SELECT (SELECT coalesce(max(seq), 0) + 1 FROM incident_changes), (SELECT coalesce(max(seq), 0) + 1 FROM incident_changes), NEW.id, number, 0 FROM incident_index WHERE incident_id = NEW.id
        ON CONFLICT (incident_id) DO UPDATE
        SET seq = excluded.seq, began = excluded.began, removed = 0;
    END;
CREATE TRIGGER incidents_changed AFTER UPDATE ON incidents BEGIN
        UPDATE incident_index SET severity = NEW.severity, status = NEW.status, assignee = NEW.assignee, priority = coalesce(json_extract(NEW.body, '$.election.priority'), 5), phase = coalesce(json_extract(NEW.body, '$.election.phase'), ''), first_us = NEW.first_us, last_us = NEW.last_us WHERE incident_id = NEW.id;
        UPDATE incident_changes SET seq = (SELECT coalesce(max(seq), 0) + 1 FROM incident_changes) WHERE incident_id = NEW.id;
    END;
CREATE TRIGGER incidents_removed BEFORE DELETE ON incidents BEGIN
        DELETE FROM incident_text WHERE rowid = (SELECT number FROM incident_index WHERE incident_id = OLD.id);
        DELETE FROM incident_keys WHERE number = (SELECT number FROM incident_index WHERE incident_id = OLD.id);
        DELETE FROM incident_index WHERE incident_id = OLD.id;
        UPDATE incident_changes SET seq = (SELECT coalesce(max(seq), 0) + 1 FROM incident_changes), removed = 1 WHERE incident_id = OLD.id;
    END;
CREATE INDEX ix_incident_merges_incident_id ON incident_merges (incident_id);
CREATE INDEX ix_incident_splits_incident_id ON incident_splits (incident_id);
CREATE INDEX ix_incident_splits_part_id ON incident_splits (part_id);
CREATE INDEX ix_exceptions_incident_id ON exceptions (incident_id);
CREATE INDEX ix_exception_hits_incident_id ON exception_hits (incident_id);
CREATE INDEX ix_asks_incident_id ON asks (incident_id);
CREATE INDEX ix_asks_answered_us ON asks (answered_us);
CREATE INDEX ix_accounts_issuer_subject ON accounts (issuer, subject);
CREATE INDEX ix_passkeys_account_id ON passkeys (account_id);
CREATE INDEX ix_account_links_account_id ON account_links (account_id);
CREATE INDEX ix_sessions_account_id ON sessions (account_id);
CREATE INDEX ix_api_tokens_account_id ON api_tokens (account_id);
CREATE INDEX ix_audit_entry ON audit (entry);
CREATE INDEX ix_audit_actor ON audit (actor);
CREATE INDEX ix_audit_about ON audit (about);
CREATE TRIGGER audit_stays BEFORE UPDATE ON audit
    WHEN OLD.entry IS NOT NULL OR (OLD.outcome <> '' AND (OLD.id, OLD.at_us, OLD.actor, OLD.who, OLD.role, OLD.address,
        OLD.action, OLD.about, OLD.detail, OLD.outcome) IS NOT (NEW.id, NEW.at_us, NEW.actor, NEW.who, NEW.role,
        NEW.address, NEW.action, NEW.about, NEW.detail, NEW.outcome))
    BEGIN SELECT RAISE(ABORT, 'the audit trail is never changed'); END;
CREATE TRIGGER audit_remains BEFORE DELETE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit trail is never changed'); END;
CREATE INDEX ix_incidents_last_us ON incidents (last_us);
CREATE INDEX ix_alarms_acked_us ON alarms (acked_us);
CREATE INDEX ix_alarm_incidents_incident_id ON alarm_incidents (incident_id);
CREATE INDEX ix_outbox_waiting ON outbox (sent_us, failed_us, due_us);
CREATE INDEX ix_outbox_alarm_id ON outbox (alarm_id);
CREATE INDEX ix_outbox_person ON outbox (person, created_us);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('incident_index',5);
COMMIT;
