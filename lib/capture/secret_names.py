"""Recognise files that hold secrets by their names; they are never captured.

Builtins only: the hook path imports this. The content is not kept, nor a digest of it: a short
secret can be guessed from its digest.
"""

# Texts with blanks around each word: making sets takes longer than looking through a few texts.
# What a copy, or an editor's file, has behind the name of the file that it is of; or a number.
_COPIES = " bak backup bkp old orig original save saved swp swo tmp temp copy dist enc gz prev "
# Data: with one of these behind it, a name says the same as without.
_DATA = (
    " json yaml yml toml ini txt csv tsv xml conf cfg config properties plist db sqlite xls xlsx "
    "doc docx ods log jsonc json5 php "
)
# Names, without their leading dots and without a data extension.
_NAMES = (
    " netrc _netrc pgpass htpasswd npmrc pypirc git-credentials dockercfg vault-token my.cnf "
    "envrc credential credentials secret secrets password passwords passwd shadow gshadow token "
    "apikey apikeys api_key api_keys api-key api-keys private_key private-key privatekey "
    "client_secret client_secrets client-secret service-account service_account serviceaccount "
    "serviceaccountkey service-account-key kubeconfig id_rsa id_dsa id_ecdsa id_ed25519 "
    "id_ecdsa_sk id_ed25519_sk wp-config mylogin.cnf s3cfg boto vault_pass vault-pass "
    "vault-password vault_password terraformrc credentials.tfrc application_default_credentials "
    "local.settings rclone authinfo databrickscfg smbcredentials rhosts fish_history "
    "consolehost_history renviron settings-security ngrok "
)
_BEGINNINGS = (".env", ".dev.vars")
_EXTENSIONS = frozenset(
    "pem key p8 p12 pfx pkcs12 jks jceks keystore bks kdb kdbx ppk asc gpg pgp age agekey keytab "
    "tfvars tfstate ovpn env".split()
)
_DIRECTORIES = frozenset(
    ".ssh .gnupg .aws .azure .kube .secrets .password-store .oci gcloud".split()
)
# Names that say it only in their directory.
_IN_DIRECTORY = (
    " .docker/config .m2/settings .composer/auth composer/auth .codex/auth gh/hosts hub/hosts "
    ".gradle/gradle .aliyun/config .snowsql/config age/keys .netlify/config .vercel/auth "
    ".fly/config .ngrok2/ngrok "
)
# What a name ends with, or has before the name of an environment.
_WORDS = " secret secrets credential credentials creds "
_ENVIRONMENTS = (
    " prod production dev development stage staging test testing local qa uat live default "
)
# What is no file although it reads like one: /proc/self/environ.
_NOT_FILES = ("/proc/", "/sys/", "/dev/")
_MAX_SUFFIXES = 8


def holds_secrets(path: str) -> bool:
    """Check whether the name of `path`, or of a directory in it, says that it holds secrets."""
    directories = path.replace("\\", "/").lower().split("/")
    name = directories.pop().strip("#")
    if path.startswith(_NOT_FILES) or not _DIRECTORIES.isdisjoint(directories):
        return True
    if name.startswith(_BEGINNINGS) or (name[:1] == "." and name.endswith("_history")):
        return True
    name = _original(name)
    return _says_it(name) or (
        bool(directories) and _is_in(f"{directories[-1]}/{_without_data(name)}", _IN_DIRECTORY)
    )


def _says_it(name: str) -> bool:
    stem = _without_data(name)
    bare = stem.lstrip(".")
    if "." in name and not _EXTENSIONS.isdisjoint(n.rpartition(".")[2] for n in (name, stem)):
        return True
    if _is_in(bare, _NAMES):
        return True
    if "." in bare and stem == name:  # a source, a page, a picture
        return False
    bare = _without_environment(bare)
    return _is_in(bare, _NAMES) or _is_in(bare.replace("_", "-").rpartition("-")[2], _WORDS)


def _is_in(word: str, words: str) -> bool:
    return " " not in word and f" {word} " in words


def _without_data(name: str) -> str:
    stem, _, extension = name.rpartition(".")
    return stem if stem and _is_in(extension, _DATA) else name


def _original(name: str) -> str:
    """Strip from `name` what marks it as a copy: `.bak`, `.swp`, `.1`, `~`."""
    for _ in range(_MAX_SUFFIXES):
        head, _, last = name.rstrip("~").rpartition(".")
        if not head or not (_is_in(last, _COPIES) or last.isdigit()):
            break
        name = head
    return name.rstrip("~")


def _without_environment(stem: str) -> str:
    """Strip from `stem` what follows the name in `credentials.prod` or `secrets-2`."""
    for separator in ".-_":
        head, _, last = stem.rpartition(separator)
        if head and (_is_in(last, _ENVIRONMENTS) or last.isdigit()):
            return head
    return stem
