# ruff: noqa: E501 - programs name themselves at length, and lists of requests read best unbroken
"""What honest programs and people send that looks odd: none of it raises anything at low or above."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.contract.detect.test_quiet import BROWSERS, SITE, detections, web

JWT = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.NHVaYe26MbtOYhSKkoKYdFVomg4i8ZJd8_-RU8VNbft"

SEARCHES = [
    "credit+union+select+committee", "how+do+I+select+a+candidate+from+my+ward", "script+for+volunteers", "drop+off+my+ballot+table+location", "insert+ballot+into+envelope",
    "o%27clock+%26+o%27brien", "%27til+8pm%3F", "d%27Hondt+vs+Sainte-Lagu%C3%AB", "100%25+%22counted%22%3F", "ballot%28s%29+%28mail%29", "voter%28s%29", "%C2%BFd%C3%B3nde+voto%3F+%28mesa+electoral%29",
    "%D0%B3%D0%B4%D0%B5+%D0%B3%D0%BE%D0%BB%D0%BE%D1%81%D0%BE%D0%B2%D0%B0%D1%82%D1%8C", "%E6%8A%95%E7%A5%A8%E6%89%80%E3%80%82%E3%80%82%E3%80%82", "%D8%A3%D9%8A%D9%86+%D8%A3%D8%B5%D9%88%D8%AA", "wo+kann+ich+w%C3%A4hlen%3B+Uhrzeit", "l%27%C3%A9lection+d%27aujourd%27hui",
    "Stra%C3%9Fe+12%2F14+%28Hinterhaus%29", "precinct+%2312", "ward+%3E+5", "turnout+%3C+40%25", "a%2Fb+testing", "e-mail%3A+me%40example.org", "%24100+fine", "if+not+registered+then+what", "time+to+vote", "exec+%28mayor%29+salary",
    "either+or+88+main+street", "system+%28voting%29+test", "what+is+%21important", "3%2B4%3D7", "%27quoted%27+%22twice%22", "get-out-the-vote%3B+start-up+help", "echo+valley+%26+sleep+hollow", "cat+%7C+dog", "~smith", "%3A-%29", "%3C3+democracy", "who%27s+on+the+ballot%3F+what%27s+next%3F",
    "or+%22absentee%22+and+%22mail+in%22", "like+%27this%27", "where+1st+and+2nd+district", "case+no.+12-cv-3456+%28order+by+judge%29", "print+%28pdf%29", "time+%28zone%29", "having+count+day+results", "delete+from+voter+list", "update+voters+set+up", "alert+%28weather%29", "eval+of+machines", "prompt+voting", "document+%28pdf%29", "include+%282026%29", "find+my+polling+place+near+5th+%26+Main",
]  # fmt: skip

FRAMEWORKS = [
    "GET /api/v2/items?filter=%7B%22where%22%3A%7B%22county%22%3A%22King%22%7D%2C%22limit%22%3A10%7D", "GET /api/search?q=%7B%22match%22%3A%7B%22name%22%3A%22Smith%22%7D%7D", "GET /graphql?query=query+R%28%24id%3AID%21%29%7Brace%28id%3A%24id%29%7Bname+votes%7D%7D&variables=%7B%22id%22%3A%225%22%7D",
    f"GET /callback?id_token={JWT}&state=abc", f"GET /verify?token={JWT}", "GET /img?d=iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4%2F%2F8%2Fw38GIAXDIBKE0DHxgljNBAAO9TXL0Y4OHwAAAABJRU5ErkJggg%3D%3D",
    "GET /?utm_source=mail&utm_medium=email&utm_campaign=get_out%21&utm_content=a%7Cb&fbclid=IwAR0-abc_DEF&gclid=Cj0KCQ", "GET /amp/news/2026/results?amp_js_v=0.1#referrer=https://www.google.com", "GET /_next/data/AbC123/index.json?slug=a&slug=b", "GET /_next/image?url=%2Fphotos%2Fa.jpg&w=640&q=75",
    "GET /wp-json/wp/v2/posts?per_page=10&_fields=id,title,link&orderby=date&order=desc", "GET /odata/Voters?$filter=Name%20eq%20'Smith'%20and%20Age%20gt%2018&$orderby=Name&$top=5", "GET /arcgis/rest/services/Precincts/MapServer/0/query?where=1%3D1&outFields=*&f=json", "GET /arcgis/rest/services/Precincts/MapServer/0/query?where=COUNTY%3D%27King%27&returnGeometry=false&f=pjson",
    "GET /geoserver/wms?SERVICE=WMS&VERSION=1.3.0&REQUEST=GetMap&LAYERS=a:b&BBOX=-10,40,0,50&FORMAT=image/png", "GET /tiles/12/654/1583.pbf", "GET /data.csv?$select=county,votes&$where=votes%3E100&$limit=500", "GET /solr/select?q=title:(vote%20OR%20ballot)&fq=year:[2020%20TO%202026]&wt=json",
    "GET /calendar/feed.ics?categories=a,b", "GET /fonts/css2?family=Inter:wght@400;700&display=swap", "GET /combo?a/b.js&c/d.js", "GET /cdn-cgi/challenge-platform/scripts/jsd/main.js", "GET /page;v=2/path;x=1", "GET /news/what%E2%80%99s-next%3F", "GET /files/Minutes%20%28draft%29%20%5B2026%5D.pdf", "GET /wiki/User:Smith/Talk_(archive)",
    "GET /?s=%7Bsearch_term_string%7D", "GET /img/$%7Bproduct.image%7D", "GET /template/%7B%7Bname%7D%7D", "GET /oauth2/authorize?redirect_uri=https%3A%2F%2Fapp.example.org%2Fcb&response_type=code&scope=openid%20profile%20email", "GET /saml?SAMLRequest=fZJNT8MwDIbv%2FIoo9zZN2dgWrZsmJsQkPqqtcOCC0tRrI6VJidOx8etJuyGGEJxsx4%2Fj17GnyPdtK1aVb%2FEGXitwnrwdWmRnR0orY4QBBVChQHR8F%2Bs%2BL",
    "GET /share?url=https%3A%2F%2Fvote.example%2Fresults%3Fa%3D1%26b%3D2&text=Look%21%20%231", "GET /?q[]=a&q[]=b&sort[name]=asc", "GET /list?ids[0]=1&ids[1]=2", "GET /contact?message=Hello%2C%0D%0A%0D%0AWhere+do+I+vote%3F%0D%0A-+Ann", "GET /jsonp?callback=jQuery34106_1762&_=1762", "GET /p?price=%C2%A35.00&date=2026-11-03T20:00:00%2B01:00", "GET /x?range=10..20&sort=-name,%2Bdate",
    "GET /r?u=medium.com/@county/elections", "GET /track?e=pageview&dl=https%3A%2F%2Fvote.example%2F%3Fa%3D1&dt=Results%20%7C%20Vote&sr=1920x1080&ua=Mozilla%2F5.0%20(X11%3B%20Linux)", "GET /matomo.php?action_name=Home%20%2F%20News&_cvar=%7B%221%22%3A%5B%22a%22%2C%22b%22%5D%7D", "GET /rum?data=%7B%22t%22%3A%5B1%2C2%5D%7D", "GET /a?path=/home/news&file=report-2026.pdf", "GET /view?doc=../minutes.html", "GET /x?formula=a%3D%3Db", "GET /x?color=%23fff&size=10px", "GET /login?returnUrl=%2Fvoter%2Fstatus%3Fid%3D7%26tab%3D2",
    "POST /xmlrpc/pingback", "GET /autodiscover/autodiscover.json", "GET /ws/?EIO=4&transport=websocket&sid=lv_VI97HAXpY6yYWAAAC", "GET /socket.io/?EIO=4&transport=polling&t=OoM.~z1&sid=abc", "GET /sitemap_index.xml", "GET /feed/?format=rss&cat=-5", "HEAD /health/ready", "GET /metrics/ping",
]  # fmt: skip


def searches() -> list[str]:
    """What people look for, in several languages, with brackets, quotes and reserved words."""
    return [web(40 * at, f"198.51.100.{at}", f"GET /search?q={word}&page=1") for at, word in enumerate(SEARCHES)]


def frameworks() -> list[str]:
    """Addresses that frameworks, maps, statistics and log-in services make."""
    return [web(40 * at, f"198.51.100.{at}", request) for at, request in enumerate(FRAMEWORKS)]


def editor_in_wordpress() -> list[str]:
    """An editor works in the administration for an hour."""
    steps = [
        "GET /wp-admin/post-new.php", "POST /wp-admin/admin-ajax.php", "GET /wp-admin/edit.php?post_status=draft&post_type=post&orderby=date&order=desc", "POST /wp-admin/async-upload.php", "GET /wp-admin/upload.php?mode=list",
        "GET /wp-admin/load-scripts.php?c=1&load%5Bchunk_0%5D=jquery-core,utils,wp-hooks&ver=6.4", "GET /wp-admin/post.php?post=12&action=edit", "POST /wp-admin/post.php", "GET /?p=12&preview=true", "GET /wp-json/wp/v2/media?per_page=50",
        "PUT /wp-json/wp/v2/posts/12?_locale=user", "GET /wp-admin/options-general.php", "POST /wp-login.php", "GET /wp-admin/theme-editor.php?file=style.css&theme=county", "GET /wp-content/plugins/forms/js/front.js?ver=5.8",
    ]  # fmt: skip
    return [
        web(8 * at, "192.0.2.30", steps[at % len(steps)], 302 if "login" in steps[at % len(steps)] else 200)
        for at in range(400)
    ]


def programs() -> list[str]:
    """WebDAV and calendar clients, git, probes, feed readers, link checkers, certificate renewal."""
    kinds: list[tuple[str, list[tuple[str, int]]]] = [
        ("Microsoft-WebDAV-MiniRedir/10.0.19045", [("OPTIONS /dav", 200), ("PROPFIND /dav", 207), ("PROPFIND /dav/Minutes", 207), ("LOCK /dav/a.docx", 200), ("PUT /dav/a.docx", 204), ("UNLOCK /dav/a.docx", 204)]),
        ("iOS/18.0 (22A3354) dataaccessd/1.0", [("PROPFIND /.well-known/caldav", 301), ("PROPFIND /caldav/principals/", 401), ("PROPFIND /caldav/principals/", 207), ("REPORT /caldav/calendars/ann/", 207)]),
        ("git/2.39.2", [("GET /repo.git/info/refs?service=git-upload-pack", 200), ("POST /repo.git/git-upload-pack", 200)]),
        ("kube-probe/1.29", [("GET /healthz", 200), ("GET /readyz", 200)]), ("ELB-HealthChecker/2.0", [("GET /", 200)]), ("Feedly/1.0 (+http://www.feedly.com/fetcher.html; 12 subscribers)", [("GET /feed/", 304)]),
        ("Mozilla/5.0 (compatible; Let's Encrypt validation server; +https://www.letsencrypt.org)", [("GET /.well-known/acme-challenge/x-Ab_12", 200), ("GET /.well-known/acme-challenge/gone", 404)]),
        (BROWSERS[1], [("GET /apple-touch-icon-precomposed.png", 404), ("GET /apple-touch-icon.png", 404), ("GET /favicon.ico", 404), ("GET /apple-touch-icon-120x120.png", 404)]),
        (BROWSERS[0], [("GET /.well-known/change-password", 404), ("GET /.well-known/resource-that-should-not-exist-whose-status-code-should-not-be-200", 404), ("GET /.well-known/appspecific/com.chrome.devtools.json", 404), ("GET /.well-known/assetlinks.json", 404), ("GET /.well-known/apple-app-site-association", 404), ("GET /ads.txt", 404)]),
        ("CountyApp/3.2 (Android 14; build 812) okhttp/4.12.0", [("GET /api/v1/me", 401), ("POST /api/v1/token", 200), ("GET /api/v1/me", 200), ("GET /api/v1/races?after=eyJpZCI6MTJ9", 200)]),
        ("Dalvik/2.1.0 (Linux; U; Android 13; SM-A536B Build/TP1A.220624.014)", [("GET /api/v1/banner", 200)]), ("CountyVote/88 CFNetwork/1490.0.4 Darwin/23.2.0", [("GET /api/v1/banner", 200)]),
        ("W3C-checklink/5.0.0 [5.0.0] libwww-perl/6.72", [("HEAD /about", 200), ("HEAD /old-page", 404), ("HEAD /contact", 200)]), ("facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", [("GET /results", 206)]),
        ("Wget/1.21.3", [("GET /data/results.csv", 200)]), ("python-requests/2.31.0", [("GET /api/results.json", 200)]), ("Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0; Pro)", [("OPTIONS /files/", 200), ("HEAD /files/a.docx", 200)]),
    ]  # fmt: skip
    rows = [
        web(900 * turn + 40 * kind + step, f"192.0.2.{100 + kind}", request, status, agent, "-")
        for turn in range(12)
        for kind, (agent, steps) in enumerate(kinds)
        for step, (request, status) in enumerate(steps)
    ]
    return sorted(rows, key=lambda line: line.split("[")[1])


def referrers() -> list[str]:
    """Where visitors come from: searches with quotes, mail programs, apps, single sign-on."""
    froms = [
        "https://www.google.com/search?q=o'brien+and+sons+(mayor)", "https://duckduckgo.com/?q=union+select+committee&t=h_", "android-app://com.google.android.gm/", "https://l.facebook.com/l.php?u=https%3A%2F%2Fvote.example%2F%3Fa%3D1%3Bb&h=AT0", "https://login.example.org/adfs/ls/?wa=wsignin1.0&wctx=rm%3D0%26id%3Dpassive",
        "https://outlook.office.com/", "https://t.co/AbC", SITE + "search?q=%22early+voting%22", "about:blank", "https://news.example/a;b=c?d=[e]", "https://www.bing.com/search?q=if+not+me+%26%26+you&form=QBLH", "/relative/page",
    ]  # fmt: skip
    return [
        web(60 * at, f"198.51.100.{at}", "GET /results", 200, BROWSERS[at % 4], came) for at, came in enumerate(froms)
    ]


@pytest.mark.parametrize("behaviour", [searches, frameworks, editor_in_wordpress, programs, referrers])
def test_honest_variety_is_quiet(behaviour: Callable[[], list[str]]) -> None:
    """Odd but honest requests accuse nobody."""
    said = [(each.severity.word, each.title, each.why) for each in detections(behaviour())]
    assert said == []
