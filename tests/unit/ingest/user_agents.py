"""User agents as they are sent, and what each declares: device, system, browser (None: not looked at)."""

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
SAFARI = "AppleWebKit/605.1.15 (KHTML, like Gecko)"

CHROME_ON_LINUX = f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} Chrome/126.0.0.0 Safari/537.36"
REDUCED_ANDROID = f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} Chrome/126.0.0.0 Safari/537.36"

DESKTOPS = [
    (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/126.0.0.0 Safari/537.36", "Windows", "Chrome"),
    (
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0",
        "Windows",
        "Edge",
    ),
    ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:127.0) Gecko/20100101 Firefox/127.0", "Windows", "Firefox"),
    (
        "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0; Tablet PC 2.0)",
        "Windows",
        "IE",
    ),
    (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {SAFARI} Version/17.5 Safari/605.1.15", "macOS", "Safari"),
    (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Chrome/126.0.0.0 Safari/537.36", "macOS", "Chrome"),
    (
        f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Chrome/125.0.0.0 Safari/537.36 OPR/111.0.0.0",
        "macOS",
        "Opera",
    ),
    ("Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0", "Linux", "Firefox"),
    (f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} Chrome/126.0.0.0 Safari/537.36", "Linux", "Chrome"),
    (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {WEBKIT} Chrome/126.0.0.0 Safari/537.36", "ChromeOS", "Chrome"),
    ("AppleCoreMedia/1.0.0.23F79 (Macintosh; U; Intel Mac OS X 14_5; en_us)", "macOS", None),
    # Not bots: what runs without a window says so, and no more.
    (f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} HeadlessChrome/126.0.0.0 Safari/537.36", "Linux", "HeadlessChrome"),
    (
        "Mozilla/5.0 (Unknown; Linux x86_64) AppleWebKit/538.1 (KHTML, like Gecko) PhantomJS/2.1.1 Safari/538.1",
        "Linux",
        "PhantomJS",
    ),
]
MOBILES = [
    (
        f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) {SAFARI} Version/17.5 Mobile/15E148 Safari/604.1",
        "iOS",
        "Mobile Safari",
    ),
    (
        (
            f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) {SAFARI} CriOS/126.0.6478.54"
            " Mobile/15E148 Safari/604.1"
        ),
        "iOS",
        "Chrome Mobile iOS",
    ),
    (
        f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) {SAFARI} Mobile/15E148 [FBAN/FBIOS;FBDV/iPhone14,5]",
        "iOS",
        "Facebook",
    ),
    ("AppleCoreMedia/1.0.0.21F90 (iPhone; U; CPU OS 17_5_1 like Mac OS X; en_us)", "iOS", None),
    ("Example TV/8.1 (iPhone; iOS 17.5; Scale/3.00)", "iOS", None),
    (f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} Chrome/126.0.0.0 Mobile Safari/537.36", "Android", "Chrome Mobile"),
    (
        f"Mozilla/5.0 (Linux; Android 14; SM-S921B) {WEBKIT} SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36",
        "Android",
        "Samsung Internet",
    ),
    ("Mozilla/5.0 (Android 14; Mobile; rv:127.0) Gecko/127.0 Firefox/127.0", "Android", "Firefox Mobile"),
    (
        f"Mozilla/5.0 (Linux; Android 13; CUBOT X70) {WEBKIT} Chrome/126.0.0.0 Mobile Safari/537.36",
        "Android",
        "Chrome Mobile",
    ),
    ("ExampleApp/2.18 (Linux;Android 13) ExoPlayerLib/2.18.1", "Android", None),
    ("Dalvik/2.1.0 (Linux; U; Android 12; Pixel 6 Build/SD1A.210817.036)", "Android", None),
    ("Mozilla/5.0 (Mobile; Nokia_8110_4G; rv:48.0) Gecko/48.0 Firefox/48.0 KAIOS/2.5", "KaiOS", "Firefox Mobile"),
    ("Opera/9.80 (J2ME/MIDP; Opera Mini/7.1.32052/29.3709; U; en) Presto/2.8.119 Version/11.10", None, "Opera Mini"),
    (
        (
            "Mozilla/5.0 (Linux; Tizen 2.3; SAMSUNG SM-Z130H) AppleWebKit/537.3 (KHTML, like Gecko)"
            " SamsungBrowser/1.0 Mobile Safari/537.3"
        ),
        "Tizen",
        "Samsung Internet",
    ),
]
TABLETS = [
    (
        f"Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) {SAFARI} Version/16.6 Mobile/15E148 Safari/604.1",
        "iOS",
        "Mobile Safari",
    ),
    ("AppleCoreMedia/1.0.0.20G75 (iPad; U; CPU OS 16_6 like Mac OS X; en_us)", "iOS", None),
    (f"Mozilla/5.0 (Linux; Android 13; SM-X200) {WEBKIT} Chrome/126.0.0.0 Safari/537.36", "Android", "Chrome"),
    ("Mozilla/5.0 (Android 13; Tablet; rv:127.0) Gecko/127.0 Firefox/127.0", "Android", None),
    (
        f"Mozilla/5.0 (Linux; Android 9; KFMAWI) {WEBKIT} Silk/108.4.6 like Chrome/108.0.5359.160 Safari/537.36",
        "Android",
        "Amazon Silk",
    ),
]
TVS = [
    (f"Mozilla/5.0 (SMART-TV; LINUX; Tizen 6.5) {WEBKIT} 85.0.4183.93/6.5 TV Safari/537.36", "Tizen", None),
    (f"Mozilla/5.0 (Linux; Tizen 7.0) {WEBKIT} SamsungBrowser/4.0 Chrome/94.0.4606.31 Safari/537.36", "Tizen", None),
    (f"Mozilla/5.0 (Web0S; Linux/SmartTV) {WEBKIT} Chrome/94.0.4606.128 Safari/537.36 WebAppManager", "webOS", None),
    (
        (
            f"Mozilla/5.0 (Linux; Android 9; BRAVIA 4K UR2 Build/PTT1.190515.001.S52) {WEBKIT}"
            " Chrome/88.0.4324.152 Safari/537.36"
        ),
        "Android",
        None,
    ),
    ("AppleTV11,1/11.1", "tvOS", None),
    ("AppleCoreMedia/1.0.0.21L227 (Apple TV; U; CPU OS 17_1 like Mac OS X; en_us)", "tvOS", None),
    (
        (
            f"Mozilla/5.0 (Linux; Android 11; SHIELD Android TV Build/RQ1A; wv) {WEBKIT} Version/4.0 Chrome/126.0.0.0"
            " Mobile Safari/537.36"
        ),
        "Android",
        None,
    ),
    (
        (
            f"Mozilla/5.0 (Linux; Android 9; AFTKA Build/PS7285; wv) {WEBKIT} Version/4.0"
            " Chrome/108.0 Mobile Safari/537.36"
        ),
        "Android",
        None,
    ),
    ("Roku/DVP-12.5 (12.5.0.4178-46)", "Roku", "Roku"),
    (
        (
            "Mozilla/5.0 (DirectFB; Linux armv7l) AppleWebKit/534.26+ (KHTML, like Gecko) Version/5.0 Safari/534.26+"
            " HbbTV/1.1.1 (;LGE ;NetCast 4.0 ;1.0 ;1.0M ;)"
        ),
        "Linux",
        "HbbTV",
    ),
    (
        (
            f"Mozilla/5.0 (Linux; Android 12.0; Build/STTL.240206.002) {WEBKIT} Chrome/114.0.0.0 Safari/537.36"
            " CrKey/1.56.500000 DeviceType/AndroidTV"
        ),
        "Android",
        None,
    ),
    (
        f"Mozilla/5.0 (Linux; U; en-US) {WEBKIT} Chrome/76.0.3809.111 Safari/537.36 Hisense VIDAA/6.0",
        "Linux",
        None,
    ),
    (f"Mozilla/5.0 (Linux; Android 8.0.0; MiTV-MOSR1) {WEBKIT} Chrome/71.0.3578.99 Safari/537.36", "Android", None),
]
CONSOLES = [
    (f"Mozilla/5.0 (PlayStation; PlayStation 5/6.00) {SAFARI} Version/13.0 Safari/605.1.15", "PlayStation", None),
    (f"Mozilla/5.0 (PlayStation 4 11.00) {SAFARI} Version/13.0 Safari/605.1.15", "PlayStation", None),
    (
        (
            f"Mozilla/5.0 (Windows NT 10.0; Win64; x64; Xbox; Xbox Series X) {WEBKIT} Chrome/110.0.0.0"
            " Safari/537.36 Edge/18.22621"
        ),
        "Windows",
        "Edge",
    ),
    (
        (
            "Mozilla/5.0 (Nintendo Switch; WebApplet) AppleWebKit/609.4 (KHTML, like Gecko) NF/6.0.2.21.3"
            " NintendoBrowser/5.1.0.22474"
        ),
        "Nintendo",
        None,
    ),
]
BOTS = [
    ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", None, "Googlebot"),
    (
        (
            f"Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) {WEBKIT} Chrome/126.0.0.0 Mobile Safari/537.36"
            " (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
        ),
        "Android",
        "Googlebot",
    ),
    ("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", None, "bingbot"),
    ("facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", None, "FacebookBot"),
    ("Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)", None, "AhrefsBot"),
    ("Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)", None, "YandexBot"),
    ("Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)", None, "Baiduspider"),
    (
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
        None,
        "GPTBot",
    ),
    (
        (
            f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {SAFARI} Version/17.4 Safari/605.1.15"
            " (Applebot/0.1; +http://www.apple.com/go/applebot)"
        ),
        "macOS",
        "Applebot",
    ),
    ("Mozilla/5.0 (compatible; Yahoo! Slurp; http://help.yahoo.com/help/us/ysearch/slurp)", None, "Yahoo! Slurp"),
    ("ia_archiver (+http://www.alexa.com/site/help/webmasters; crawler@alexa.com)", None, "ia_archiver"),
    ("Twitterbot/1.0", None, "Twitterbot"),
    ("Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", None, "Slackbot-LinkExpanding"),
    ("Mozilla/5.0 (compatible; archive.org_bot +http://archive.org/details/archive.org_bot)", None, "archive.org_bot"),
    ("meta-externalagent/1.1 (+https://developers.facebook.com/docs/sharing/webmasters/crawler)", None, None),
    ("Mediapartners-Google", None, "Mediapartners-Google"),
    ("LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)", None, "LinkedInBot"),
    ("Mozilla/5.0 (compatible; Example/1.0; +https://example.org/about)", None, None),
]
UNKNOWNS = [
    ("", "", ""),
    ("curl/8.5.0", "", "curl"),
    ("Wget/1.21.4", "", "Wget"),
    ("python-requests/2.32.3", "", "Python Requests"),
    ("Python-urllib/3.11", "", None),
    ("okhttp/4.12.0", "", "okhttp"),
    ("Go-http-client/1.1", "", "Go-http-client"),
    ("Java/17.0.1", "", "Java"),
    ("Apache-HttpClient/4.5.13 (Java/11.0.9)", "", None),
    ("VLC/3.0.20 LibVLC/3.0.20", "", "VLC"),
    ("\u2603 not an agent", "", ""),
]
CASES = [
    (agent, device, system, browser)
    for device, agents in (
        ("desktop", DESKTOPS),
        ("mobile", MOBILES),
        ("tablet", TABLETS),
        ("tv", TVS),
        ("console", CONSOLES),
        ("bot", BOTS),
        ("unknown", UNKNOWNS),
    )
    for agent, system, browser in agents
]
