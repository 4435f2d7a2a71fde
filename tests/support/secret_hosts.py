r"""How a secret stands in a file: languages and formats, and the ways to write one down.

    text = write(template, "acme_api_key", "0123abcd")

In a template `{s}` is a name in snake_case, `{S}` in CAPITALS, `{c}` in camelCase, `{P}` in
PascalCase, `{k}` in kebab-case, `{d}` with dots, and `{v}` is the value. A template whose quotes
the value itself holds is no place for it, and is left out (`fits`).
"""

# Directly named: the name, an operator, the value.
DIRECT = {
    "python": [
        '{s} = "{v}"',
        "    {S} = '{v}'",
        "client = Client({s}='{v}', retries=3)",
        'os.environ["{S}"] = "{v}"',
        'CONFIG = {{"{s}": "{v}", "debug": False}}',
        'self.{s}: str = "{v}"',
    ],
    "javascript": [
        "const {c} = '{v}';",
        'module.exports = {{ {c}: "{v}" }};',
        "process.env.{S} = `{v}`;",
        "  {c}: '{v}',",
    ],
    "typescript": [
        'export const {c}: string = "{v}";',
        "private readonly {c} = '{v}';",
        "  {c}: '{v}' as const,",
    ],
    "go": [
        'const {c} = "{v}"',
        '\t{P}: "{v}",',
        'var {P} string = "{v}"',
        "\t{c} := `{v}`",
        'os.Setenv("{S}", "{v}")',
    ],
    "java": [
        'private static final String {S} = "{v}";',
        'props.setProperty("{d}", "{v}");',
        'builder.{c}("{v}")',
        'client.set{P}("{v}");',
    ],
    "c": [
        'static const char *{s} = "{v}";',
        'const char {S}[] = "{v}";',
        'std::string {c} = "{v}";',
        'setenv("{S}", "{v}", 1);',
    ],
    "csharp": [
        'public const string {P} = "{v}";',
        'string {c} = @"{v}";',
        '{P} = "{v}",',
        'options["{P}"] = "{v}";',
    ],
    "rust": [
        'const {S}: &str = "{v}";',
        'let {s} = "{v}".to_string();',
        'let {s} = String::from("{v}");',
        'static {S}: &\'static str = "{v}";',
    ],
    "ruby": [
        '{S} = "{v}"',
        "config.{s} = '{v}'",
        "{s}: '{v}',",
        ":{s} => '{v}',",
        "ENV['{S}'] = '{v}'",
    ],
    "php": ["${s} = '{v}';", "define('{S}', '{v}');", "'{s}' => '{v}',", 'putenv("{S}={v}");'],
    "kotlin": ['val {c} = "{v}"', 'const val {S} = "{v}"', 'private val {c}: String = "{v}"'],
    "swift": ['let {c} = "{v}"', 'static let {c}: String = "{v}"'],
    "shell": ["{S}={v}", "export {S}='{v}'", 'export {S}="{v}"', "export {S}={v}"],
    "powershell": ['$env:{S} = "{v}"', "${P} = '{v}'"],
    "dockerfile": ["ENV {S}={v}", 'ENV {S}="{v}"', "ARG {S}={v}"],
    "compose": ["      {S}: {v}", "      - {S}={v}", '      - "{S}={v}"'],
    "yaml": ["{s}: {v}", "  {c}: '{v}'", '  {k}: "{v}"'],
    "terraform": ['{s} = "{v}"', '  {s}     = "{v}"'],
    "json": ['  "{s}": "{v}",', '{{"{c}":"{v}"}}'],
    "toml": ['{s} = "{v}"', "{k} = '{v}'"],
    "ini": ["{s} = {v}", "{s}={v}"],
    "properties": ["{d}={v}", "{d}: {v}"],
    "xml": [
        "<{c}>{v}</{c}>",
        '<add key="{P}" value="{v}" />',
        '<string name="{s}">{v}</string>',
        '<property name="{c}" value="{v}"/>',
    ],
    "sql": [
        "INSERT INTO settings VALUES ('{s}', '{v}');",
        "SET {s} = '{v}';",
        "UPDATE conf SET {s} = '{v}' WHERE id = 1;",
    ],
    "makefile": ["{S} = {v}", "{S} := {v}", "export {S} ?= {v}"],
    "ci": ["    {S}: {v}", "          {k}: {v}", '      - run: export {S}="{v}"'],
    "markdown": ["Set `{S}={v}` first.", "    {S}={v}", "* {s}: `{v}`"],
    "http": ["GET /v1/items?{s}={v}&page=2 HTTP/1.1", "X-{k}: {v}", '{{"{s}": "{v}"}}'],
    "scala": ['val {c} = "{v}"', 'private val {c}: String = "{v}"'],
    "groovy": ["def {c} = '{v}'", "    {c} '{v}'"],
    "dart": ["const {c} = '{v}';", "static const String {c} = '{v}';"],
    "lua": ['local {s} = "{v}"', "{s} = [[{v}]]"],
    "perl": ["my ${s} = '{v}';", '$ENV{{{S}}} = "{v}";', "  {s} => '{v}',"],
    "r": ['{s} <- "{v}"', "Sys.setenv({S} = '{v}')"],
    "julia": ['const {S} = "{v}"', 'ENV["{S}"] = "{v}"'],
    "elixir": ['  {s}: "{v}",', '@{s} "{v}"'],
    "erlang": ['{{{s}, "{v}"}},', '{{{s}, <<"{v}">>}}'],
    "lisp": ['(setq {k} "{v}")', '(def {k} "{v}")', '{{:{k} "{v}"}}'],
    "zig": ['const {s} = "{v}";', 'pub const {s}: []const u8 = "{v}";'],
    "visualbasic": ['Dim {c} As String = "{v}"', 'Const {S} = "{v}"'],
    "batch": ["set {S}={v}", 'set "{S}={v}"'],
    "fish": ["set -gx {S} {v}", "set -x {S} '{v}'"],
    "nginx": ['proxy_set_header X-{k} "{v}";', "fastcgi_param {S} {v};"],
    "apache": ["SetEnv {S} {v}", 'RequestHeader set X-{k} "{v}"'],
    "systemd": ["Environment={S}={v}", 'Environment="{S}={v}"'],
    "notebook": ['    "{s} = \\"{v}\\"\\n",'],
    "comment": ["# {s} = {v}", "// {c}: {v}", "/* {S}={v} */", "-- {s}: {v}"],
}

# Named too, with something between the name and the value, or by another thing than a name.
INDIRECT = {
    "python": [
        '{s} = os.getenv("{S}") or "{v}"',
        '{S} = (\n    "{v}"\n)',
        '{S} = \\\n    "{v}"',
        '{s} = """{v}"""',
        '{S} = os.environ.get("{S}", default="{v}")',
        'parser.add_argument("--{k}", default="{v}", help="the one to use")',
        'parser.add_argument("--{k}", type=str, default="{v}")',
        '    {s}: str = Field(default="{v}")',
        '    {s}: SecretStr = SecretStr("{v}")',
        '    {s}: str = Field("{v}", env="{S}")',
        '{s} = ("{v}")',
        '{s} = b"{v}"',
        '@click.option("--{k}", envvar="{S}", default="{v}")',
    ],
    "javascript": [
        'const {c} = process.env.{S} || "{v}";',
        "{c}: process.env.{S} ?? '{v}',",
        "const {c} =\n  '{v}';",
        'const {{ {c} = "{v}" }} = process.env;',
        'headers: {{ "X-{k}": "{v}" }}',
        "const {c} = String('{v}');",
        'localStorage.setItem("{c}", "{v}")',
    ],
    "go": [
        'flag.String("{k}", "{v}", "the one to use")',
        'viper.SetDefault("{d}", "{v}")',
        'var {c} = []byte("{v}")',
        '{c} := getenv("{S}", "{v}")',
    ],
    "java": [
        '@Value("${{{d}:{v}}}") String x;',
        'String {c} =\n        "{v}";',
        'System.getProperty("{d}", "{v}")',
        'Optional.ofNullable({c}).orElse("{v}")',
        'map.put("{s}", "{v}");',
        'new AbstractMap.SimpleEntry<>("{S}", "{v}")',
    ],
    "c": [
        '#define {S} "{v}"',
        'char {s}[] = "{v}";',
        'static const char {s}[64] = "{v}";',
        '#define {S} ("{v}")',
        'char * const {s} =\n    "{v}";',
    ],
    "csharp": [
        'Environment.GetEnvironmentVariable("{S}") ?? "{v}"',
        'public string {P} {{ get; set; }} = "{v}";',
        'new KeyValuePair<string, string>("{P}", "{v}")',
    ],
    "rust": [
        'const {S}: &str = r#"{v}"#;',
        'let {s} = r"{v}";',
        'env::var("{S}").unwrap_or("{v}".into())',
        'let {s} = option_env!("{S}").unwrap_or("{v}");',
        '#[arg(long = "{k}", default_value = "{v}")]',
        'let {s} = b"{v}";',
    ],
    "ruby": [
        'ENV.fetch("{S}", "{v}")',
        'ENV["{S}"] || "{v}"',
        '{s} ||= "{v}"',
        'ENV.fetch("{S}") {{ "{v}" }}',
    ],
    "php": ["$x = getenv('{S}') ?: '{v}';", "$x = $_ENV['{S}'] ?? '{v}';", "env('{S}', '{v}')"],
    "kotlin": [
        'val {c} = System.getenv("{S}") ?: "{v}"',
        'buildConfigField("String", "{S}", "\\"{v}\\"")',
    ],
    "swift": ['let {c} = env["{S}"] ?? "{v}"', 'let {c} = #"{v}"#', 'let x = ["{c}": "{v}"]'],
    "objc": ['NSString *const {c} = @"{v}";', '#define k{P} @"{v}"'],
    "shell": [
        "{S}={v} ./run --all",
        "docker run -e {S}={v} acme/image",
        "run --{k} {v} start",
        "{S}=${{{S}:-{v}}}",
        "run --{k}={v} --verbose",
        '{S}=${{{S}:-"{v}"}}',
        'curl -H "X-{k}: {v}" https://r.net',
        "helm install x --set {c}={v} --wait",
        "kubectl create secret generic x --from-literal={k}={v}",
        "heroku config:set {S}={v} -a app",
        "java -D{d}={v} -jar a.jar",
        ": ${{{S}:={v}}}",
        "read -r {S} <<< '{v}'",
    ],
    "powershell": [
        '${c} = ConvertTo-SecureString "{v}" -AsPlainText -Force',
        '[Environment]::SetEnvironmentVariable("{S}", "{v}")',
        "run -{P} {v} -Verbose",
        "setx {S} {v}",
    ],
    "dockerfile": ["ENV {S} {v}", "ENV A=1 {S}={v} B=2", "RUN --x=1 {S}={v} make install"],
    "compose": ["    environment:\n      - name={S}\n      - {S}={v}"],
    "kubernetes": [
        "        - name: {S}\n          value: {v}",
        '        - name: {S}\n          value: "{v}"',
        "          - {{name: {S}, value: '{v}'}}",
    ],
    "yaml": [
        "{s}: |\n  {v}",
        "{s}: >-\n  {v}",
        "{s}:\n  - {v}",
        "{s}: !!str {v}",
        "{s}:\n  value: {v}",
        "{s}: &x {v}",
        "{s}: ['{v}']",
    ],
    "terraform": [
        'variable "{s}" {{\n  default = "{v}"\n}}',
        'variable "{s}" {{\n  type    = string\n  default = "{v}"\n}}',
        'variable "{s}" {{\n  description = "To use"\n  type = string\n  default = "{v}"\n}}',
        '  set {{\n    name  = "{c}"\n    value = "{v}"\n  }}',
    ],
    "json": [
        '{{"name": "{S}", "value": "{v}"}}',
        '{{\n  "name": "{S}",\n  "value": "{v}"\n}}',
        '"{s}": ["{v}"]',
        '{{"ParameterKey": "{P}", "ParameterValue": "{v}"}}',
        '{{"key": "{s}", "value": "{v}", "type": "string"}}',
        '"{s}": {{"value": "{v}"}}',
        '"{{\\"{s}\\": \\"{v}\\"}}"',
    ],
    "toml": ['{s} = """{v}"""', '{s} = ["{v}"]', '{s} = {{ value = "{v}" }}'],
    "ini": ['{s} = "{v}" ; the one to use', "{s} : {v}"],
    "xml": [
        "<key>{c}</key>\n\t<string>{v}</string>",
        "<name>{d}</name>\n<value>{v}</value>",
        '<entry key="{d}">{v}</entry>',
        "<{c}><![CDATA[{v}]]></{c}>",
        '<setting name="{P}"><value>{v}</value></setting>',
        '<env name="{S}" value="{v}"/>',
    ],
    "sql": [
        "INSERT INTO t (name, value) VALUES ('{s}', '{v}');",
        "SELECT set_config('{d}', '{v}', false);",
    ],
    "ci": [
        "      env:\n        {S}: >\n          {v}",
        "    - name: {S}\n      value: {v}",
        "        with:\n          {k}: '{v}'",
    ],
    "markdown": ["The {s} is `{v}`.", "| {S} | `{v}` |", "| `{s}` | {v} |", "**{s}**: {v}"],
    "scala": ['sys.env.getOrElse("{S}", "{v}")', '"{s}" -> "{v}"'],
    "perl": ["my ${s} = $ENV{{{S}}} || '{v}';", "my ${s} = shift // '{v}';"],
    "lisp": ['(or (System/getenv "{S}") "{v}")', '(assoc x :{k} "{v}")'],
    "elixir": ['System.get_env("{S}", "{v}")'],
    "tests": ["expect({c}).toBe('{v}')", 'assertEquals("{v}", get{P}());', 'Given the {s} "{v}"'],
    "values first": ['r.setValue("{v}", forHTTPHeaderField: "X-{k}")', 'echo "{v}" | set {S}'],
    "tables": ["name,{s}\nme,{v}", "{s},{v}", "{s}\t{v}", "| {s} | string | {v} | one |"],
    "defaults": [
        'add(\n    "--{k}",\n    type=str,\n    default="{v}",\n)',
        '"{s}": {{\n  "type": "string",\n  "default": "{v}"\n}}',
        "{c}: z.string().default('{v}'),",
        '#[clap(long, default_value = "{v}", env = "{S}")]',
    ],
    "conditions": ["const {c} = isLive ? '{v}' : '';", '{s} = None if dev else "{v}"'],
    "remarks between": ["- name: {S}\n  # the live one\n  value: {v}"],
    "comment": ["# the {s} is {v}", "// use {v} as {s}", '# {s}="{v}" for now'],
    "http": [
        "Cookie: a=1; {s}={v}; b=2",
        "https://r.net/x?a=1&{s}={v}#x",
        "POST /x\r\n\r\na=1&{c}={v}&b=2",
    ],
}

# Nothing beside it tells what it is.
NEUTRAL = {
    "python": ['    run("{v}")', "VALUES = ['{v}', 'b']", "# tried {v} last week"],
    "javascript": ["send('{v}', done);", "  data: `{v}`,", "// see {v}"],
    "go": ['\tserve("{v}")', '\tcases := []string{{"{v}"}}'],
    "java": ['assertEquals("{v}", found);'],
    "shell": ["run {v} --quiet", 'echo "{v}" | run'],
    "yaml": ["  value: {v}", "  - {v}", '  data: "{v}"'],
    "json": ['  "value": "{v}"', '["a", "{v}"]'],
    "text": ["It said {v} and stopped.", "{v}", "See ({v}), twice.", "x={v}", "a,{v},b"],
    "html": ['<meta content="{v}">', "<p>{v}</p>", '<a href="https://r.net/?x={v}">'],
    "csv": ["1,{v},2", "a\t{v}\tb"],
    "log": ["2025-01-01 10:00:00 INFO sent {v} to r.net", "[debug] value={v}"],
    "diff": ["+  {v}", "-old {v}"],
}

# A password, in ways that are no name and value.
LOGINS = {
    "python": [
        'requests.get(u, auth=("deploy", "{v}"))',
        "HTTPBasicAuth('deploy', '{v}')",
        'smtp.login("me@r.net", "{v}")',
        "psycopg2.connect('host=a password={v} dbname=y')",
    ],
    "javascript": [
        'auth: {{ user: "deploy", pass: "{v}" }}',
        "auth: {{ username: 'a', password: '{v}' }}",
    ],
    "java": [
        'DriverManager.getConnection(url, "sa", "{v}")',
        'new PasswordAuthentication("u", "{v}".toCharArray())',
    ],
    "csharp": [
        'new NetworkCredential("deploy", "{v}")',
        'var c = "Server=a;User Id=sa;Password={v};Encrypt=yes";',
    ],
    "shell": [
        "PGPASSWORD={v} psql -h db",
        "mysql -u root -p{v} main",
        "mysqldump -uroot -p'{v}' main",
        "curl -u deploy:{v} https://r.net",
        "sshpass -p {v} ssh me@r.net",
        "sshpass -p '{v}' ssh a@b",
        "redis-cli -a {v} ping",
        "docker login -u me -p {v} r.net",
        "wget --password={v} https://r.net",
        "MYSQL_PWD={v} mysql main",
        "mongo -u me -p {v} main",
        "sqlcmd -S db -U sa -P {v}",
        "echo '{v}' | docker login --password-stdin",
        "smbclient -U me%{v} //a/b",
        "openssl rsa -passin pass:{v} -in a",
        "ldapsearch -D cn=me -w {v} -b dc=r",
    ],
    "sql": [
        "CREATE USER a IDENTIFIED BY '{v}';",
        "CREATE ROLE a WITH LOGIN PASSWORD '{v}';",
        'ALTER USER a IDENTIFIED BY "{v}";',
        "CREATE LOGIN a WITH PASSWORD = N'{v}';",
        "SET PASSWORD FOR a = PASSWORD('{v}');",
        "GRANT ALL ON x.* TO 'a'@'%' IDENTIFIED BY '{v}'",
    ],
    "url": [
        "postgres://app:{v}@db:5432/x",
        "DATABASE_URL=mysql://app:{v}@db/x",
        "redis://:{v}@cache:6379/0",
        "amqp://u:{v}@mq/x",
        "https://me:{v}@r.net/a.git",
        "mongodb+srv://u:{v}@c.mongodb.net/x",
    ],
    "dsn": [
        "host=a user=b password={v} dbname=y",
        "pgsql:host=a;user=b;password={v}",
        "u:{v}@tcp(db:3306)/x?parseTime=true",
        "Data Source=a;Pwd={v};",
        "jdbc:x://a;user=b;password={v}",
    ],
    "netrc": ["machine r.net login me password {v}", "machine r.net\n  login me\n  password {v}"],
    "header": [
        "Authorization: token {v}",
        "Authorization: Bearer {v}",
        "Authorization: ApiKey {v}",
        '"Authorization": "Token {v}"',
        "Authorization: {v}",
        "X-Auth-Token: {v}",
        "Proxy-Authorization: Bearer {v}",
        "headers['Authorization'] = 'token {v}'",
        'req.Header.Set("Authorization", "Bearer {v}")',
        'setRequestHeader("Authorization", "{v}")',
        "Authorization: Token token={v}",
    ],
}


def write(template: str, name: str, value: str) -> str:
    """`template` with a name, given in snake_case, and a value."""
    parts = name.split("_")
    pascal = "".join(part.capitalize() for part in parts)
    return template.format(
        s=name, S=name.upper(), c=pascal[0].lower() + pascal[1:], P=pascal, k="-".join(parts),
        d=".".join(parts), v=value,
    )  # fmt: skip


_ENDING = frozenset(" \t\"'`<>(){}[],;&|\\#$!*?~%^:=@")
_ENDING_A_LINE = frozenset(" \t\"'`\\#,{}[]&*!|>%@")


def fits(template: str, value: str) -> bool:
    """Whether `value` can stand in `template` without being escaped or ending too early."""
    before = template.partition("{v}")[0]
    if before[-1:] in ('"', "'", "`"):
        return before[-1] not in value and "\\" not in value
    if before[-1:] in (">", "["):
        return not set("<>&]") & set(value)
    ending = _ENDING_A_LINE if before.endswith(("= ", ": ")) else _ENDING
    return ending.isdisjoint(value)
