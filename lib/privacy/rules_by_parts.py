"""Match tokens of several parts, one of which is a long run of letters and digits.

A run selects the rules by what stands before or behind it, or by what it holds.
"""

from lib.privacy.secret_rules import Rule, Rules, reads_random


def _fresh(characters: str) -> str:
    """Make an expression for a place behind none of `characters`, or behind an escaped newline."""
    return rf"(?:(?<![{characters}])|(?<=\\[nrtbfv]))"


# Tokens of several parts, by what is before their first dot: what follows that dot, and "?"
# behind the name as above.
DOTTED = r"""
sendgrid-key SG [\w=.-]{40,100}
vault-token hvs,hvb,hvr [\w-]{24,300}
vault-token? s (?=[A-Za-z]{0,23}\d)[A-Za-z0-9]{24}(?![\w.(])
gcp-oauth-token ya29 [\w-]{20,400}
gcp-api-key AQ [\w-]{40,120}
doppler-token dp (?:pt|st|ct|scim|audit|sa)\.[\w.-]{20,80}
dropbox-token sl (?:u\.)?[\w-]{100,1500}
mapbox-token sk,pk,tk eyJ[\w-]{50,400}\.[\w-]{20,60}
locationiq-key pk [0-9a-f]{32}
infisical-token st [\w-]{3,60}\.[\w-]{3,60}\.[\w-]{8,80}
stackhawk-key hawk [\w-]{20,24}\.[\w-]{20,24}
harness-key pat,sat [\w-]{20,24}\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{20}
mailersend-key mlsn [\w-]{30,80}
voiceflow-key VF (?:DM|WS)\.[0-9a-fA-F]{24}\.[A-Za-z0-9]{16}
vkontakte-token vk1 a\.[\w-]{80,300}
zoho-token 1000,1001,1003 [0-9a-fA-F]{32,64}(?:\.[0-9a-fA-F]{32})?
blockprotocol-key b10ck5 [\w-]{20,60}\.[\w-]{20,60}
alibaba-key? STS [A-Za-z0-9]{16,64}(?![\w.(])
tinybird-token p eyJ[\w-]{50,300}\.[\w-]{40,50}
pushbullet-token? o [A-Za-z0-9]{32}(?![\w.(])
amazon-key amzn mws\.[0-9a-f-]{36}
amazon-key amzn1 (?:application-oa2-client|oa2-cs\.v1)\.[0-9a-f]{20,64}
cloudflare-key v1 0-[0-9a-f]{24}-[0-9a-f]{100,160}
yandex-token t1 [A-Za-z0-9_-]{6,400}={0,2}\.[\w-]{60,120}
snyk-token snyk_uat,snyk_sat [\w.-]{30,120}
onfido-token api_live,api_live_us,api_live_ca,api_live_eu,api_sandbox,api_sandbox_us [\w.-]{11,90}
onfido-token api_sandbox_ca,api_sandbox_eu [\w.-]{11,90}
flyio-token fo1 [\w-]{40,60}
"""

# Rules by what is before the first dot of some parts, of which one is a long run.
BY_HEAD: Rules = {}
for _line in DOTTED.split("\n")[1:-1]:
    _name, _heads, _rest = _line.split(" ")
    for _head in _heads.split(","):
        _check = reads_random if _name[-1] == "?" else bool
        _made = Rule(_name.rstrip("?"), _fresh(r"\w.") + rf"{_head}\.{_rest}", check=_check)
        BY_HEAD[_head] = (*BY_HEAD.get(_head, ()), _made)
# The same where that differs, by what is before the last dot.
BY_NECK: Rules = {
    "atlasv1": (
        Rule("terraform-token", _fresh(r"\w.") + r"[A-Za-z0-9]{1,32}\.atlasv1\.[\w=-]{50,90}"),
    ),
    "v1": (
        Rule(
            "airtable-token",
            _fresh(r"\w.") + r"[A-Za-z0-9]{2,40}\.v1\.[\w-]{12,80}\.[0-9a-f]{4,80}",
        ),
    ),
}
SALESFORCE = Rule("salesforce-token", _fresh(r"\w!") + r"00[A-Za-z0-9]{9,16}![\w.-]{30,260}")
# Rules by the character before a run, or behind it; they may reach over it.
BY_CHARACTER_BEFORE: Rules = {
    ".": (
        Rule("airtable-token", _fresh(r"\w.") + r"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}"),
        SALESFORCE,
        Rule(
            "dynatrace-token",
            _fresh(r"\w.") + r"dt0[A-Za-z]\d\d\.[A-Za-z0-9-]{8,128}\.[A-Za-z0-9]{64}",
        ),
    ),
    ":": (
        Rule("telegram-token", _fresh(r"\w:") + r"(?:bot)?(\d{8,10}:A[\w-]{34})(?![\w-])"),
        Rule("fcm-key", _fresh(r"\w:") + r"[\w-]{11,22}:APA91b[\w-]{120,180}"),
        Rule("datastax-token", _fresh(r"\w:") + r"AstraCS:[\w:-]{20,120}"),
    ),
    "~": (
        Rule("azure-client-secret", _fresh(r"\w.~-") + r"[\w.~-]{3}\dQ~[\w.~-]{31,34}(?![\w~-])"),
        Rule("openshift-token", _fresh(r"\w~") + r"sha256~[\w-]{40,46}"),
    ),
    "/": (Rule("gcp-refresh-token", _fresh(r"\w/") + r"1//0[\w-]{40,200}"),),
    "|": (Rule("facebook-token", _fresh(r"\w|") + r"\d{15,16}\|[\w-]{26,28}(?![\w-])"),),
    "!": (SALESFORCE,),
}
BY_CHARACTER_BEHIND: Rules = {
    ".": (
        Rule(
            "discord-token", _fresh(r"\w.-") + r"[MNO][A-Za-z\d_-]{23,27}\.[\w-]{6}\.[\w-]{27,38}"
        ),
        Rule(
            "zhipu-key",
            _fresh(r"\w.-") + r"[0-9a-fA-F]{32}\.[A-Za-z0-9]{16}(?!\w)",
            check=reads_random,
        ),
        Rule(
            "authress-key",
            _fresh(r"\w.-") + r"(?:sc|ext|scauth|authress)_\w{5,30}\.\w{4,6}\.acc[_-][\w-]{10,32}\."
            r"[\w+/=-]{30,120}",
        ),
    ),
    ":": (
        Rule(
            "deepl-key", _fresh(r"\w:-") + r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}:fx(?!\w)"
        ),
        Rule(
            "fal-key",
            _fresh(r"\w:-") + r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}:[0-9a-f]{32}(?!\w)",
        ),
    ),
}
# Rules by what a run holds or ends with.
BY_CONTENT: "dict[str, Rule]" = {
    "-us": Rule("mailchimp-key", _fresh(r"0-9a-zA-Z") + r"[0-9a-f]{32}-us\d{1,2}(?!\d)"),
    "NRAL": Rule("new-relic-key", _fresh(r"0-9a-zA-Z") + r"[0-9a-f]{36}NRAL"),
    "AZDO": Rule(
        "azure-devops-token", _fresh(r"\w-") + r"[A-Za-z0-9]{70,80}AZDO[A-Za-z0-9]{4,5}(?![\w-])"
    ),
    "AAAAAAAAAA": Rule("dropbox-token", _fresh(r"\w-") + r"[a-z0-9]{11}A{10}[\w=-]{43}(?![\w-])"),
    "_mmk": Rule("maxmind-key", _fresh(r"\w-") + r"[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk(?!\w)"),
    "-PRD-": Rule("ebay-key", _fresh(r"\w") + r"[\w-]{10,60}-PRD-[0-9a-f]{8,14}-[0-9a-f]{8}"),
    "-SBX-": Rule("ebay-key", _fresh(r"\w") + r"[\w-]{10,60}-SBX-[0-9a-f]{8,14}-[0-9a-f]{8}"),
    "AzSe": Rule("azure-key", _fresh(r"\w-") + r"[A-Za-z0-9]{42}AzSe[A-D][A-Za-z0-9]{5}(?![\w-])"),
    "AzFu": Rule("azure-key", _fresh(r"\w-") + r"[\w-]{44}AzFu[A-Za-z0-9+/=_-]{6,10}"),
    "JQQJ99": Rule("azure-key", _fresh(r"\w-") + r"[A-Za-z0-9]{52}JQQJ99[A-Za-z0-9]{26}(?![\w-])"),
}
