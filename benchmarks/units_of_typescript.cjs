// Prints the units that TypeScript's compiler finds, a line of JSON for each file:
// node units_of_typescript.cjs MODULE FILE, where FILE lists the files and MODULE is typescript's.
const fs = require("fs");
const ts = require(process.argv[2]);
const { SyntaxKind: Kind } = ts;
const DOTTED = /^[\w$#]+(\.[\w$#]+)*$/;

const isFunction = (node) =>
  node && (node.kind === Kind.ArrowFunction || node.kind === Kind.FunctionExpression);
const isValue = (node) => isFunction(node) || (node && node.kind === Kind.ClassExpression);
const isAbstract = (node) =>
  node.parent.kind === Kind.ClassDeclaration &&
  ts.getCombinedModifierFlags(node) & ts.ModifierFlags.Abstract;

// What a node is called if it is a unit.
function named(node) {
  const own = node.name && node.name.getText();
  switch (node.kind) {
    case Kind.FunctionDeclaration: return node.body && (own || "default");
    case Kind.MethodDeclaration: return (node.body || isAbstract(node)) && own;
    case Kind.GetAccessor: case Kind.SetAccessor: return node.body && own;
    case Kind.Constructor: return node.body && "constructor";
    case Kind.ClassDeclaration: case Kind.InterfaceDeclaration: case Kind.EnumDeclaration:
      return own || "default";
    case Kind.VariableDeclaration: case Kind.PropertyDeclaration: case Kind.PropertyAssignment:
      return isValue(node.initializer) && node.name.kind !== Kind.ComputedPropertyName && own;
    case Kind.BinaryExpression:
      return node.operatorToken.kind === Kind.EqualsToken && isValue(node.right) &&
        DOTTED.test(node.left.getText()) && node.left.getText();
    case Kind.ExportAssignment: return isValue(node.expression) && "default";
    default: return "";
  }
}

for (const path of fs.readFileSync(process.argv[3], "utf8").split("\n").filter(Boolean)) {
  const kind = path.endsWith("x") ? ts.ScriptKind.TSX : ts.ScriptKind.TS;
  const text = fs.readFileSync(path, "utf8");
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true, kind);
  const units = [];
  const walk = (node) => {
    const name = named(node);
    if (name) units.push([name, file.getLineAndCharacterOfPosition(node.getEnd()).line + 1]);
    ts.forEachChild(node, walk);
  };
  walk(file);
  console.log(JSON.stringify({ path, errors: file.parseDiagnostics.length, units }));
}
