"""The publicly documented formats of tokens that can be told by themselves.

A token stands in a run of letters, digits, "_" and "-", which the engine finds first; a rule is
tried only where its prefix, or the character beside the run, says that it may fit. Every repeat
is bounded and none stands in another, so a try costs a bounded number of steps.
"""

import re
from binascii import Error, a2b_base64
from collections.abc import Callable
from functools import cached_property

_HEX = "0123456789abcdef"


def _is_user_and_password(text: str) -> bool:
    try:
        return b":" in a2b_base64(text + "=" * (-len(text) % 4))
    except Error:
        return False


def _varies(text: str) -> bool:
    return not text.isalpha() or (not text.islower() and len(set(text)) > 12)


class Rule:
    """A format: the name in the marker, the expression, and whether the rest of the run goes too.

    `check` has the last word on a secret that was found.
    Group 1 of the expression is the secret if there is one, else all that matches. It is compiled
    when it is first needed: most runs of the flusher need none.
    """

    def __init__(
        self,
        name: str,
        expression: str,
        whole_run: bool = True,
        check: Callable[[str], bool] = bool,
    ) -> None:
        self.name = name
        self.check = check
        self.whole_run = whole_run
        self._expression = expression

    @cached_property
    def pattern(self) -> "re.Pattern[str]":
        """The compiled expression."""
        return re.compile(self._expression)


# Rules by what their tokens begin with.
_BEGINNINGS: "list[tuple[str, str, str]]" = [
    ("aws-access-key", "AKIA ASIA ABIA ACCA A3T", "[A-Z0-9]{16,40}"),
    ("gcp-api-key", "AIza", r"[\w-]{35}"),
    ("gcp-oauth-secret", "GOCSPX-", r"[\w-]{24,60}"),
    ("github-token", "ghp_ gho_ ghu_ ghs_ ghr_", "[A-Za-z0-9]{30,255}"),
    ("github-token", "github_pat_", r"\w{36,255}"),
    (
        "gitlab-token",
        "glpat- gldt- glrt- glcbt- glptt- glft- glsoat- glimt- glagent- glffct- gloas- GR1348941",
        r"[\w-]{20,300}",
    ),
    ("slack-token", "xoxb- xoxp- xoxa- xoxr- xoxs- xoxo- xoxe- xoxc- xoxd-", r"[\w%-]{10,300}"),
    ("slack-token", "xapp- xwfp-", r"[\w-]{16,300}"),
    ("stripe-key", "sk_live_ sk_test_ rk_live_ rk_test_ sk_prod_ rk_prod_", r"\w{10,300}"),
    ("webhook-secret", "whsec_", r"[A-Za-z0-9+/=]{24,100}"),
    ("twilio-key", " ".join("SK" + digit for digit in _HEX), "[0-9a-f]{31}(?![0-9A-Za-z])"),
    ("npm-token", "npm_", "[A-Za-z0-9]{36}"),
    ("pypi-token", "pypi-AgE", r"[\w-]{30,300}"),
    ("rubygems-token", "rubygems_", "[0-9a-f]{48}"),
    ("docker-token", "dckr_pat_ dckr_oat_", r"[\w-]{20,100}"),
    ("anthropic-key", "sk-ant-", r"[\w-]{20,300}"),
    ("openai-key", "sk-proj- sk-svcacct- sk-admin- sk-None-", r"[\w-]{20,300}"),
    ("openai-key", "sk-", r"[A-Za-z0-9]{32,64}(?![\w-])"),
    ("openrouter-key", "sk-or-v1-", "[0-9a-f]{40,80}"),
    ("huggingface-token", "hf_ api_org_", "[A-Za-z0-9]{30,60}"),
    ("groq-key", "gsk_", "[A-Za-z0-9]{40,80}"),
    ("perplexity-key", "pplx-", "[A-Za-z0-9]{40,80}"),
    ("xai-key", "xai-", r"[\w-]{60,120}"),
    ("replicate-token", "r8_", "[A-Za-z0-9]{37,40}"),
    ("digitalocean-token", "dop_v1_ doo_v1_ dor_v1_", "[0-9a-f]{64}"),
    ("heroku-key", "HRKU-", r"[\w-]{30,100}"),
    ("shopify-token", "shpat_ shpss_ shpca_ shppa_", "[0-9a-fA-F]{32}"),
    ("square-token", "sq0atp- sq0csp- sq0idp-", r"[\w-]{22,60}"),
    ("square-token", "EAAA", r"[\w-]{56,62}(?![\w-])"),
    ("mailgun-key", "key- pubkey-", "[0-9a-f]{32}"),
    ("sendinblue-key", "xkeysib-", r"[0-9a-f]{64}-\w{16}"),
    ("new-relic-key", "NRAK- NRJS- NRII- NRRA- NRAA- NRIQ-", r"[\w-]{19,64}"),
    ("sentry-token", "sntrys_ sntryu_", r"[\w+/=-]{40,400}"),
    ("datadog-token", "ddp_ ddapp_", "[0-9A-Za-z]{34,40}(?![0-9A-Za-z_])"),
    ("atlassian-token", "ATATT3 ATCTT3 ATBB ATOA", r"[\w=-]{20,300}"),
    ("linear-key", "lin_api_ lin_oauth_", "[A-Za-z0-9]{32,80}"),
    ("notion-token", "ntn_", "[A-Za-z0-9]{40,60}"),
    ("notion-token", "secret_", "[A-Za-z0-9]{43}(?![A-Za-z0-9_])"),
    ("figma-token", "figd_ figo_ figu_", r"[\w-]{36,80}"),
    ("databricks-token", "dapi dose dkea", "[0-9a-f]{32}"),
    ("age-key", "AGE-SECRET-KEY-1 AGE-SECRET-KEY-PQ-1", "[A-Z0-9]{40,90}"),
    ("grafana-token", "glsa_ glc_", r"[\w+/=-]{32,400}"),
    ("pulumi-token", "pul-", "[0-9a-f]{40}"),
    ("alibaba-key", "LTAI", "[A-Za-z0-9]{12,30}(?![A-Za-z0-9_])"),
    ("postman-key", "PMAK-", "[0-9a-f]{24}-[0-9a-f]{34}"),
    ("supabase-token", "sbp_ sb_secret_", r"[\w-]{20,80}"),
    ("planetscale-token", "pscale_tkn_ pscale_pw_ pscale_oauth_", r"[\w=.-]{32,80}"),
    ("netlify-token", "nfp_", r"\w{36,60}"),
    ("sourcegraph-token", "sgp_", r"\w{40,80}"),
    ("1password-token", "ops_eyJ", r"[\w+/=-]{60,1000}"),
    ("buildkite-token", "bkua_", "[0-9a-f]{40}"),
    ("typeform-token", "tfp_", r"[\w.=-]{40,80}"),
    ("readme-key", "rdme_", r"\w{60,80}"),
    ("shippo-token", "shippo_live_ shippo_test_", "[0-9a-f]{40}"),
    ("clojars-token", "CLOJARS_", "[0-9a-fA-F]{60}"),
    ("easypost-key", "EZAK EZTK", "[A-Za-z0-9]{54}"),
    ("flutterwave-key", "FLWSECK_TEST- FLWSECK-", "[0-9A-Za-z]{12,48}"),
]  # fmt: skip
# A character of a run before: then this is no beginning, unless it is that of an escaped newline.
_START = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrtbfv]))"


def _beginnings() -> "dict[str, tuple[Rule, ...]]":
    made: dict[str, tuple[Rule, ...]] = {}
    for name, prefixes, rest in _BEGINNINGS:
        group = "|".join(re.escape(prefix) for prefix in prefixes.split())
        rule = Rule(name, f"{_START}(?:{group}){rest}")
        for key in dict.fromkeys(prefix[:3] for prefix in prefixes.split()):
            made[key] = (*made.get(key, ()), rule)
    return made


JWT = Rule(
    "jwt",
    _START + r"eyJ[\w-]{10,1000}\.(?:eyJ)?[\w-]{6,4000}(?:\.[\w-]{0,2000}){1,3}",
    whole_run=False,
)
BY_BEGINNING: "dict[str, tuple[Rule, ...]]" = {**_beginnings(), "eyJ": (JWT,)}
# One expression for all beginnings, for those inside a run: after "-", "_" or an escaped newline.
INNER = Rule(
    "",
    _START
    + "(?:"
    + "|".join(
        re.escape(prefix)
        for _, prefixes, _ in _BEGINNINGS
        for prefix in prefixes.split()
        if len(prefix) > 3
    )
    + "|eyJ)",
)

# Rules by the character before a run, or behind it; they may reach over it.
BY_CHARACTER_BEFORE: "dict[str, tuple[Rule, ...]]" = {
    ".": (
        Rule("sendgrid-key", r"(?<![\w.])SG\.[\w-]{16,32}\.[\w-]{16,64}"),
        Rule("vault-token", r"(?<![\w.])hv[sbr]\.[\w-]{24,300}"),
        Rule("vault-token", r"(?<![\w.\])])s\.(?=[A-Za-z]{0,23}\d)[A-Za-z0-9]{24}(?![\w.(])"),
        Rule("gcp-oauth-token", r"(?<![\w.])ya29\.[\w-]{20,400}"),
        Rule("doppler-token", r"(?<![\w.])dp\.(?:pt|st|ct|scim|audit|sa)\.[\w.-]{20,80}"),
        Rule("terraform-token", r"(?<![\w.])[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{60,80}"),
        Rule("airtable-token", r"(?<![\w.])pat[A-Za-z0-9]{14}\.[0-9a-f]{64}"),
        Rule("dynatrace-token", r"(?<![\w.])dt0c01\.[A-Z0-9]{24}\.[A-Z0-9]{64}"),
        Rule("cloudflare-key", r"(?<![\w.])v1\.0-[0-9a-f]{24}-[0-9a-f]{100,160}"),
    ),
    ":": (
        Rule("telegram-token", r"(?<![\w:])(?:bot)?(\d{8,10}:AA[\w-]{32,34})(?![\w-])"),
        Rule("fcm-key", r"(?<![\w:])AAAA[\w-]{7}:APA91b[\w-]{120,180}"),
    ),
    "~": (Rule("azure-client-secret", r"(?<![\w.~-])[\w.~-]{3}\dQ~[\w.~-]{31,34}(?![\w~-])"),),
}
BY_CHARACTER_BEHIND: "dict[str, tuple[Rule, ...]]" = {
    ".": (Rule("discord-token", r"(?<![\w.-])[MNO][A-Za-z\d_-]{23,27}\.[\w-]{6}\.[\w-]{27,38}"),),
}
# Rules by what a run holds or ends with.
BY_CONTENT: "dict[str, Rule]" = {
    "-us": Rule("mailchimp-key", r"(?<![0-9a-zA-Z])[0-9a-f]{32}-us\d{1,2}(?!\d)"),
    "NRAL": Rule("new-relic-key", r"(?<![0-9a-zA-Z])[0-9a-f]{36}NRAL"),
}
# Near an access key, forty such characters are its secret.
AWS_SECRET = Rule("aws-secret-key", r"(?<![\w/+=])[A-Za-z0-9/+]{40}(?![\w/+=])", whole_run=False)

# Rules by a word somewhere in the text, in lower case.
_QUOTE = r"\\{0,3}[\"']"
BY_WORD: "dict[str, tuple[Rule, ...]]" = {
    "://": (
        Rule(
            "slack-webhook",
            r"://hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/([\w/+-]{20,200})",
        ),
        Rule(
            "discord-webhook",
            r"://(?:\w{1,20}\.)?discord(?:app)?\.com/api/(?:v\d{1,2}/)?webhooks/"
            r"(\d{15,22}/[\w-]{40,90})",
        ),
        Rule(
            "teams-webhook",
            r"://[\w.-]{1,80}\.webhook\.office\.com/(webhookb2/[\w@/-]{60,300})",
        ),
        Rule("sentry-dsn", r"://([0-9a-f]{32}(?::[0-9a-f]{32})?)@[\w.-]{1,200}/\d"),
        Rule(
            "url-password",
            r"://[^\s:/@\"'`<>\\\[]{0,100}:([^\s/\"'`<>\\]{1,200})@[\w\[$<{(%*]",
        ),
        Rule("url-token", r"://((?=[\w-]{0,80}\d)[\w-]{20,200})(?::x-oauth-basic)?@[\w\[]"),
    ),
    "sig=": (Rule("azure-sas", r"sig=([A-Za-z0-9%+/]{40,80}(?:=|%3[dD]){0,2})"),),
    "accountkey": (Rule("azure-account-key", r"(?i:accountkey)=([A-Za-z0-9+/]{40,90}={0,2})"),),
    "bearer": (
        Rule(
            "bearer-token", r"(?i:bearer)(?:[ \t]|%20|\+){1,4}([\w.~+/=-]{16,4000})", check=_varies
        ),
    ),
    "basic ": (
        Rule(
            "basic-auth",
            r"(?i:basic)[ \t]{1,4}([A-Za-z0-9+/]{12,400}={0,2})(?![\w.])",
            check=_is_user_and_password,
        ),
    ),
    "curl": (
        Rule(
            "curl-user",
            r"(?i:curl)[^\n]{0,300}?[ \t](?:-u|--user)[ =]{0,2}[\"']?"
            r"[^\s:\"']{1,80}:([^\s\"']{3,100})",
        ),
    ),
    "putty-user-key": (
        Rule(
            "private-key",
            r"(?i:putty-user-key)[^\n]{0,80}(?:\n[^\n]{0,80}){0,40}?\nPrivate-Lines: \d{1,3}\r?\n"
            r"((?:[A-Za-z0-9+/=]{1,64}\r?\n){1,60})",
        ),
    ),
}
# A private member of a JSON Web Key (RFC 7518), which is one by the "kty" beside it.
JWK = Rule(
    "jwk-private",
    rf"{_QUOTE}(?:d|k|p|q|dp|dq|qi){_QUOTE}\s{{0,4}}:\s{{0,4}}{_QUOTE}([\w-]{{22,800}})",
)
