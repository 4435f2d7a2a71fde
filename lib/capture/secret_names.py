"""Which files are never captured because their names say that they hold secrets.

Builtins only: the hook path imports this. The content is not kept, nor a digest of it: a short
secret can be guessed from its digest.
"""

from lib.capture.languages import base_name

_NAMES = frozenset(
    ".netrc _netrc .pgpass .htpasswd .npmrc .pypirc .git-credentials .dockercfg .vault-token "
    ".my.cnf .envrc credentials credentials.json secrets.json secrets.yaml secrets.yml "
    "secrets.toml service-account.json kubeconfig id_rsa id_dsa id_ecdsa id_ed25519 "
    "terraform.tfvars terraform.tfstate wp-config.php id_ecdsa_sk id_ed25519_sk pgpass.conf "
    ".mylogin.cnf .s3cfg .boto .vault_pass .vault-password .terraformrc credentials.tfrc.json "
    "application_default_credentials.json client_secret.json client_secrets.json token.json "
    "local.settings.json rclone.conf .authinfo".split()
)
_EXTENSIONS = frozenset(
    "pem key p8 p12 pfx jks jceks keystore bks kdbx ppk asc gpg pgp age tfvars tfstate ovpn".split()
)
_DIRECTORIES = frozenset(
    (".ssh", ".gnupg", ".aws", ".azure", ".kube", ".secrets", ".password-store")
)


def holds_secrets(path: str) -> bool:
    """Whether the name of `path`, or of a directory in it, says that it holds secrets."""
    directories = path.replace("\\", "/").lower().split("/")
    name = directories.pop()
    if name.startswith(".env") or name.endswith(".env"):
        return True
    if name in _NAMES or base_name(name).rpartition(".")[2] in _EXTENSIONS:
        return True
    return not _DIRECTORIES.isdisjoint(directories)
