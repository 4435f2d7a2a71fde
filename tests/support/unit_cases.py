"""Small sources of each language, the units in them, and what half-written code keeps."""

from lib.units.grammars import LANGUAGES

# The code, and each unit with its first and last line, as they begin.
CASES = {
    "python": (
        """\
@dec
@dec2(1)
class A:
    @property
    def m(self):
        def inner(): pass
        return 1
async def g():
    class L:
        def x(self): pass
""",
        """
class A 1-7
method A.m 4-7
function A.m.inner 6-6
function g 8-10
class g.L 9-10
method g.L.x 10-10
""",
    ),
    "javascript": (
        """\
export default function () { return 1 }
export const f = async () => { const nested = x => x; };
exports.foo = function () {};
module.exports.bar = () => 1;
Foo.prototype.baz = function* () {};
const o = { m() {}, k: () => 1, 'q': function () {}, get p() { return 1 } };
class C extends B { static s() {} #priv() {} handler = () => {}; constructor() {} [Symbol.iterator]() {} }
let D = class E { z() {} };
items.map(x => x + 1);
function* gen() {}
export class X { @dec y() {} }
""",
        """
function default 1-1
function f 2-2
function f.nested 2-2
function foo 3-3
function bar 4-4
method Foo.baz 5-5
method o.m 6-6
function o.k 6-6
function o.q 6-6
method o.p 6-6
class C 7-7
method C.s 7-7
method C.#priv 7-7
method C.handler 7-7
method C.constructor 7-7
method C.[Symbol.iterator] 7-7
class D 8-8
method D.z 8-8
function gen 10-10
class X 11-11
method X.y 11-11
""",
    ),
    "typescript": (
        """\
@Component({})
export class A<T> {
  @Input() private m<T>(a: T): T { return a }
  arrow = (x: number) => x;
  abstract_(): void {}
}
export abstract class B { abstract foo(): void; }
interface I { m(): void }
enum E { a }
function over(a: string): void;
function over(a: any) {}
namespace N { export function inN() {} }
export default class {}
""",
        """
class A 1-6
method A.m 3-3
method A.arrow 4-4
method A.abstract_ 5-5
class B 7-7
method B.foo 7-7
class I 8-8
class E 9-9
function over 11-11
function N.inN 12-12
class default 13-13
""",
    ),
    "tsx": (
        """\
export function Page({ a }: Props) {
  return <div>{a}</div>;
}
export const Row = (p: P) => <Cell onClick={() => p.go()} />;
class Old extends Component<P> {
  render() { return <b />; }
}
""",
        """
function Page 1-3
function Row 4-4
class Old 5-7
method Old.render 6-6
""",
    ),
    "go": (
        """\
package main
type S struct { a int }
type ( I interface { M() }
 G[T any] struct { x T } )
func (s *S) M(a int) int { return 1 }
func (g G[T]) N() {}
func F[T any](a T) { h := func() {} ; h() }
var V = func() {}
""",
        """
class S 2-2
class I 3-3
class G 4-4
method S.M 5-5
method G.N 6-6
function F 7-7
function F.h 7-7
function V 8-8
""",
    ),
    "rust": (
        """\
#[derive(Debug)]
pub struct S { a: i32 }
impl<T> Tr for S<T> { #[inline] fn m(&self) {} }
impl S { pub fn n() {} }
trait Tr { fn m(&self); fn d() {} }
enum E { A }
mod tests { #[test]
 fn t() { fn inner() {} } }
""",
        """
class S 1-2
method S.m 3-3
method S.n 4-4
class Tr 5-5
method Tr.m 5-5
method Tr.d 5-5
class E 6-6
function tests.t 7-8
function tests.t.inner 8-8
""",
    ),
    "java": (
        """\
package p;
@Deprecated
public class A<T> {
  A() {}
  @Override public <X> int m(int a) { return new Object() { public String toString() { return ""; } }.hashCode(); }
  int m(String b) { return 1; }
  interface I { void q(); }
  enum E { X; void w() {} }
  record R(int a) { R {} }
}
""",
        """
class A 2-10
method A.A 4-4
method A.m 5-5
method A.m.toString 5-5
method A.m 6-6
class A.I 7-7
method A.I.q 7-7
class A.E 8-8
method A.E.w 8-8
class A.R 9-9
method A.R.R 9-9
""",
    ),
    "c": (
        """\
struct s { int a; };
typedef struct { int x; } T;
typedef struct n { int x; } N;
static int *f(int a) { return 0; }
int (*g(void))(int) { return 0; }
int proto(int);
enum e { A };
""",
        """
class s 1-1
class T 2-2
class n 3-3
function f 4-4
function g 5-5
class e 7-7
""",
    ),
    "cpp": (
        """\
namespace ns { template <class T> class C : public B { public: C() {} ~C() {} int m() const { return 1; } bool operator==(const C& o) { return 1; } operator bool() { return 1; } static void proto(); struct In { void q() {} }; }; }
void A::b(int) {}
template <typename T> T& ref(T& a) { return a; }
auto l = [](int a) { return a; };
int main() {}
""",
        """
class ns.C 1-1
method ns.C.C 1-1
method ns.C.~C 1-1
method ns.C.m 1-1
method ns.C.operator== 1-1
method ns.C.operator bool 1-1
class ns.C.In 1-1
method ns.C.In.q 1-1
method A.b 2-2
function ref 3-3
function l 4-4
function main 5-5
""",
    ),
    "csharp": (
        """\
namespace N { [Attr] public class A<T> { public A() {} ~A() {} [X] public int M(int a) { int Local() => 1; return 1; } public static A operator +(A a, A b) => a; public static implicit operator int(A a) => 1; int P { get; set; } interface I { void q(); } record R(int a); struct S {} enum E { a } } }
""",
        """
class A 1-1
method A.A 1-1
method A.~A 1-1
method A.M 1-1
function A.M.Local 1-1
method A.operator + 1-1
method A.operator int 1-1
class A.I 1-1
method A.I.q 1-1
class A.R 1-1
class A.S 1-1
class A.E 1-1
""",
    ),
    "ruby": (
        """\
module M
  class A::B < C
    def m; end
    def self.s; end
    class << self
      def t; end
    end
    private def pr; end
    def ==(o); end
    def x=(v); end
  end
end
def top; end
""",
        """
class M 1-12
class M.A.B 2-11
method M.A.B.m 3-3
method M.A.B.s 4-4
method M.A.B.t 6-6
method M.A.B.pr 8-8
method M.A.B.== 9-9
method M.A.B.x= 10-10
function top 13-13
""",
    ),
    "php": (
        """\
<?php
namespace N;
#[Attr]
function f() { $g = function () {}; $h = fn() => 1; }
abstract class A { #[X] public function m() {} abstract function ab(); }
interface I { function q(); } trait T { function t() {} } enum E { case A; function e() {} }
""",
        """
function f 3-4
function f.g 4-4
function f.h 4-4
class A 5-5
method A.m 5-5
method A.ab 5-5
class I 6-6
method I.q 6-6
class T 6-6
method T.t 6-6
class E 6-6
method E.e 6-6
""",
    ),
    "kotlin": (
        """\
@Ann
class A<T>(val a: Int) : B() {
    fun m() {}
    companion object {
        fun c() {}
    }
    constructor(x: String) : this(1) {}
    inner class In {
        fun i() {}
    }
}
object O {
    fun o() {}
}
interface I {
    fun q()
}
fun String.ext(): Int = 1
fun top() { fun inner() {} }
enum class E {
    X;
    fun e() {}
}
data class D(val x: Int)
val f = { x: Int -> x }
""",
        """
class A 1-11
method A.m 3-3
class A.Companion 4-6
method A.Companion.c 5-5
method A.constructor 7-7
class A.In 8-10
method A.In.i 9-9
class O 12-14
method O.o 13-13
class I 15-17
method I.q 16-16
function ext 18-18
function top 19-19
function top.inner 19-19
class E 20-23
method E.e 22-22
class D 24-24
""",
    ),
    "swift": (
        """\
@objc class A { func m(_ a: Int) -> Int { return 1 } init() {} deinit {} static func s() {} subscript(i: Int) -> Int { return 1 } }
struct S { func f() {} }
enum E { case a; func e() {} }
extension S { func x() {} }
protocol P { func q() }
func top() { func inner() {} }
""",
        """
class A 1-1
method A.m 1-1
method A.init 1-1
method A.deinit 1-1
method A.s 1-1
method A.subscript 1-1
class S 2-2
method S.f 2-2
class E 3-3
method E.e 3-3
class S 4-4
method S.x 4-4
class P 5-5
method P.q 5-5
function top 6-6
function top.inner 6-6
""",
    ),
    "shell": (
        """\
f() { echo; }
function g { :; }
function h-i () { :; }
""",
        """
function f 1-1
function g 2-2
function h-i 3-3
""",
    ),
}
ENDINGS = dict(
    zip(LANGUAGES, "py js ts tsx go rs java c cpp cs rb php kt swift sh".split(), strict=True)
)
# A language, code that somebody is about to write, and names that are known in it all the same.
# ruff: noqa: E501
HALVES = [
    (
        "python",
        "def a():\n    return 1\n\nclass B:\n    def c(self):\n        x = (1,\n\n    def d(self):\n        pass\n",
        "a B",
    ),
    ("python", "def a():\n    pass\n\ndef b(\n", "a"),
    ("javascript", "function a() { return 1 }\nconst b = () => {\n  if (\n", "a"),
    (
        "javascript",
        "class A {\n  m() { return 1 }\n  n() {\n    x = \n  }\n}\nfunction c() {}\n",
        "A A.m A.n c",
    ),
    ("typescript", "export function a(): void {}\nexport const b = (x: ) => x;\n", "a"),
    ("go", "package p\nfunc A() {}\nfunc (s *S) B() { if x := \n}\nfunc C() {}\n", "A"),
    ("rust", "fn a() {}\nimpl S { fn b(&self) { let x = ; } fn c() {} }\n", "a S.c"),
    ("java", "class A {\n  void b() { int x = ; }\n  void c() {}\n}\n", "A A.b A.c"),
    ("c", "int a(void) { return 1; }\nint b(int x) { if (x \n}\n", "a"),
    (
        "php",
        "<?php\nfunction a() {}\nclass B { function c() { $x = ; } function d() {} }\n",
        "a B.d",
    ),
    ("ruby", "def a\nend\nclass B\n  def c\n    x = (\n  end\nend\n", "a"),
    ("shell", "a() { echo; }\nb() { if [ 1\n", "a"),
]
# A declaration by a name, of which part may be written.
_CURLY = "int NAME(int x) {\n  if (x) {\n    return g(1, 2);\n  }\n  return g(x, 1);\n}\n"
_TYPED = "export function NAME(x: number): number {\n  if (x) {\n    return g(1, [2]);\n  }\n  return 1;\n}\n"
_IN_CLASS = "class NAME {\n  int m(int x) {\n    if (x > 1) {\n      return g(1, 2);\n    }\n    return 1;\n  }\n}\n"
DECLARATIONS = {
    "python": "def NAME(x):\n    if x:\n        return [1, 2]\n    return g(x, 1)\n",
    "javascript": "function NAME(x) {\n  if (x) {\n    return g(1, [2]);\n  }\n  return 1;\n}\n",
    "typescript": _TYPED,
    "tsx": _TYPED,
    "go": "func NAME(x int) int {\n\tif x > 1 {\n\t\treturn g(1, 2)\n\t}\n\treturn 1\n}\n",
    "rust": "fn NAME(x: i32) -> i32 {\n    if x > 1 {\n        return g(1, 2);\n    }\n    g(x, 1)\n}\n",
    "java": _IN_CLASS,
    "c": _CURLY,
    "cpp": _CURLY,
    "csharp": _IN_CLASS,
    "ruby": "def NAME(x)\n  if x\n    return [1, 2]\n  end\n  g(x, 1)\nend\n",
    "php": "function NAME($x) {\n  if ($x) {\n    return g(1, [2]);\n  }\n  return 1;\n}\n",
    "kotlin": "fun NAME(x: Int): Int {\n    if (x > 1) {\n        return g(1, 2)\n    }\n    return 1\n}\n",
    "swift": "func NAME(x: Int) -> Int {\n    if x > 1 {\n        return g(1, 2)\n    }\n    return 1\n}\n",
    "shell": 'NAME() {\n  if [ "$1" ]; then\n    echo $(g 1)\n  fi\n  g "$1"\n}\n',
}
