-- A million incidents, everything about each drawn by multiplication: the same in each run. See floor.py, which gives
-- :incidents, :inputs, :lines (of each input), :start (microseconds) and :step (lines between two places), and the table
-- `places`. Each incident has a detection, three lines and two samples, and what the inbox finds it by.

CREATE TEMP TABLE drawn AS
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :incidents),
d AS (SELECT i, 1 + (i - 1) * :inputs / :incidents AS input, i * 7919 % 1000 AS place, i * 2654435761 % 4294967291 AS r
      FROM n)
SELECT i, printf('PW-%010d', i) AS id, input, place, :start + ((input - 1) * :lines + place * :step) * 10000 AS at,
    r % 5 AS severity,
    CASE r / 5 % 6 WHEN 3 THEN 'acknowledged' WHEN 4 THEN 'closed' WHEN 5 THEN 'false-positive' ELSE 'open' END AS status,
    printf('203.%d.%d.%d', r / 30 % 250, r / 7500 % 250, r / 77 % 5) AS ip, printf('user%d', r / 31 % 50000) AS user,
    printf('host%d.example', r / 37 % 200) AS asset, printf('rule-%02d', r / 41 % 60) AS rule,
    printf('T1%03d', r / 43 % 40) AS technique, 1 + r / 47 % 5 AS priority,
    CASE r / 53 % 5 WHEN 0 THEN '' WHEN 1 THEN 'registration' WHEN 2 THEN 'campaign' WHEN 3 THEN 'voting'
        ELSE 'results-night' END AS phase,
    CASE r / 59 % 5 WHEN 0 THEN 'Passwords guessed' WHEN 1 THEN 'Database asked through a form' WHEN 2 THEN 'Page altered'
        WHEN 3 THEN 'Doors looked for' ELSE 'Mail copied' END AS title
FROM d;

INSERT INTO incidents (id, severity, status, first_us, last_us, line_count, body, created_us, updated_us) SELECT id, severity, status, at, at + 1500000, 3, json_object(
    'title', title, 'summary', printf('%s tried %d times to get into %s as %s, in vain.', ip, place, asset, user),
    'why', json_array(printf('Rule %s fired on 3 lines of one address within a minute.', rule), 'An account was named.'),
    'phases', json_array(json_object('name', title, 'technique', technique, 'tactic', 'credential-access',
        'first_us', at, 'last_us', at + 1500000, 'lines', 3)),
    'techniques', json_array(technique), 'tactics', json_array('credential-access'), 'tools', json_array(),
    'actors', json_object('ip', json_array(ip), 'user', json_array(user), 'host', json_array(), 'domain', json_array()),
    'targets', json_array(asset), 'rules', json_array(json_object('id', rule, 'title', 'Rule ' || rule, 'count', 3)),
    'advice', json_array('Look at the account.', 'Call its owner.'),
    'election', json_object('election', 'vote', 'phase', phase, 'priority', priority)), at, at FROM drawn;

INSERT INTO incident_lines (incident_id, input_id, numbers) SELECT id, input, numbers FROM drawn JOIN places ON place = number;

INSERT INTO incident_samples (incident_id, input_id, number, position, text) SELECT id, input, 1 + place * :step + 7 * n, n, printf('%s - %s [01/Nov/2026:10:00:00 +0000] "POST /login?next=%d HTTP/1.1" 401 532', ip, user, n) FROM drawn, (SELECT 0 AS n UNION ALL SELECT 1);

INSERT INTO detections (id, severity, first_us, last_us, body) SELECT printf('%064x', i), severity, at, at + 1500000, json_object(
    'rule_id', rule, 'title', 'Rule ' || rule, 'techniques', json_array(technique),
    'actors', json_object('ip', json_array(ip), 'user', json_array(user), 'host', json_array(), 'domain', json_array()),
    'targets', json_array(asset), 'why', '3 failures',
    'logsource', json_object('category', 'webserver', 'product', '', 'service', ''), 'tool', '',
    'succeeded', json('false'), 'meaning', '', 'steps', json_array()) FROM drawn;

INSERT INTO detection_lines (detection_id, input_id, numbers) SELECT printf('%064x', i), input, numbers FROM drawn JOIN places ON place = number;

INSERT INTO incident_index (number, incident_id, severity, status, assignee, priority, phase, first_us, last_us) SELECT i, id, severity, status, '', priority, phase, at, at + 1500000 FROM drawn;

INSERT INTO incident_changes SELECT i, i, id, i, 0 FROM drawn;

INSERT INTO incident_terms (kind, value, label) SELECT DISTINCT 'ip', ip, '' FROM drawn;

INSERT INTO incident_terms (kind, value, label) SELECT DISTINCT 'user', user, '' FROM drawn;

INSERT INTO incident_terms (kind, value, label) SELECT DISTINCT 'asset', asset, '' FROM drawn;

INSERT INTO incident_terms (kind, value, label) SELECT DISTINCT 'rule', rule, '' FROM drawn;

INSERT INTO incident_terms (kind, value, label) SELECT DISTINCT 'technique', technique, '' FROM drawn;

INSERT INTO incident_keys (term, number) SELECT t.id, i FROM (SELECT 'ip' AS kind, ip AS value, i FROM drawn UNION ALL SELECT 'user' AS kind, user AS value, i FROM drawn UNION ALL SELECT 'asset' AS kind, asset AS value, i FROM drawn UNION ALL SELECT 'rule' AS kind, rule AS value, i FROM drawn UNION ALL SELECT 'technique' AS kind, technique AS value, i FROM drawn) d JOIN incident_terms t ON t.kind = d.kind AND t.value = d.value ORDER BY 1, 2;

INSERT INTO incident_text (rowid, words) SELECT i, id || char(10) || title || char(10) || ip || char(10) || user || char(10) || asset || char(10) || rule || char(10) || technique FROM drawn
