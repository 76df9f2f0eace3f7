//! The orders of versions against the tools that made them: thousands of pairs each, where the tool is installed. Where it is
//! not, the test says so; `TRUST_VERSION_TOOLS=all` makes that a failure.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::cast_possible_truncation)] // tests may
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // tests run programs

use std::cmp::Ordering;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use trust_sbom::VersionScheme;

const PAIRS: usize = 4000;

/// Texts made of these parts, in an order that is the same in each run; the second of a pair is often close to the first.
struct Generator {
    state: u64,
    /// What each begins with.
    first: &'static str,
    parts: &'static [&'static str],
}

impl Generator {
    fn new(first: &'static str, parts: &'static [&'static str]) -> Self {
        Self { state: 0x2545_f491_4f6c_dd1d, first, parts }
    }

    fn below(&mut self, bound: usize) -> usize {
        // xorshift64*
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        (self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }

    fn part(&mut self) -> &'static str {
        self.parts[self.below(self.parts.len())]
    }

    fn pair(&mut self) -> (String, String) {
        let first: Vec<&str> = (0..=self.below(7)).map(|_| self.part()).collect();
        let mut second = first.clone();
        for _ in 0..=self.below(2) {
            let at = self.below(second.len() + 1);
            match self.below(3) {
                0 => second.insert(at, self.part()),
                1 if second.len() > 1 => drop(second.remove(at % second.len())),
                _ => second = (0..=self.below(5)).map(|_| self.part()).collect(),
            }
        }
        (format!("{}{}", self.first, first.concat()), format!("{}{}", self.first, second.concat()))
    }

    fn pairs(mut self) -> Vec<(String, String)> {
        (0..PAIRS).map(|_| self.pair()).collect()
    }
}

/// What the tool prints about each pair: `<`, `=`, `>`, or something else for what is no version.
type Tool = fn(&[(String, String)]) -> Option<Vec<String>>;

fn run(command: &mut Command, input: &str) -> Option<Output> {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().ok()?;
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_owned());
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join().unwrap();
    output.status.success().then_some(output)
}

fn lines(output: &Output) -> Vec<String> {
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

/// A program that reads the pairs, a line each, with a tab between.
fn by_script(command: &mut Command, pairs: &[(String, String)]) -> Option<Vec<String>> {
    let input: String = pairs.iter().map(|(a, b)| format!("{a}\t{b}\n")).collect();
    run(command, &input).map(|output| lines(&output))
}

fn ruby(pairs: &[(String, String)]) -> Option<Vec<String>> {
    const SCRIPT: &str = r#"STDIN.each_line { |line|
        a, b = line.chomp.split("\t", -1)
        begin
            puts ["=", ">", "<"][Gem::Version.new(a) <=> Gem::Version.new(b)]
        rescue ArgumentError
            puts "?"
        end
    }"#;
    by_script(Command::new("ruby").args(["-W0", "-e", SCRIPT]), pairs)
}

fn python(pairs: &[(String, String)]) -> Option<Vec<String>> {
    const SCRIPT: &str = r#"
import sys
try:
    from packaging.version import Version, InvalidVersion
except ImportError:
    from pip._vendor.packaging.version import Version, InvalidVersion
for line in sys.stdin:
    a, b = line.rstrip("\n").split("\t")
    try:
        a, b = Version(a), Version(b)
        print("<" if a < b else ">" if a > b else "=")
    except InvalidVersion:
        print("?")
"#;
    by_script(Command::new("python3").args(["-c", SCRIPT]), pairs)
}

fn node(pairs: &[(String, String)]) -> Option<Vec<String>> {
    const SCRIPT: &str = r#"
const root = require("child_process").execSync("npm root -g").toString().trim();
const semver = require(root + "/npm/node_modules/semver");
for (const line of require("fs").readFileSync(0, "utf8").split("\n").slice(0, -1)) {
    const [a, b] = line.split("\t");
    const valid = semver.valid(a) && semver.valid(b);
    console.log(valid ? "=><"[(semver.compare(a, b) + 3) % 3] : "?");
}"#;
    by_script(Command::new("node").args(["-e", SCRIPT]), pairs)
}

fn rpm(pairs: &[(String, String)]) -> Option<Vec<String>> {
    let script = r#"%{lua:
        for line in io.lines("/dev/stdin") do
            local a, b = line:match("^(.*)\t(.*)$")
            local order = rpm.vercmp(a, b)
            print((order == 0 and "=" or order > 0 and ">" or "<") .. "\n")
        end
    }"#;
    let answers = by_script(Command::new("rpm").args(["--eval", script]), pairs)?;
    Some(answers.into_iter().filter(|line| !line.is_empty()).collect())
}

fn dpkg(pairs: &[(String, String)]) -> Option<Vec<String>> {
    let is = |a: &str, relation: &str, b: &str| {
        let output = Command::new("dpkg").args(["--compare-versions", a, relation, b]).output().ok()?;
        Some(output.stderr.is_empty().then(|| output.status.success()))
    };
    // A process for each question.
    pairs[..PAIRS / 4]
        .iter()
        .map(|(a, b)| {
            Some(match (is(a, "lt", b)?, is(a, "eq", b)?) {
                (Some(true), _) => "<".to_owned(),
                (_, Some(true)) => "=".to_owned(),
                (Some(_), Some(_)) => ">".to_owned(),
                _ => "?".to_owned(),
            })
        })
        .collect()
}

/// Maven's own class compares each argument with the one before.
fn maven(pairs: &[(String, String)]) -> Option<Vec<String>> {
    const JARS: &str = "/usr/share/java/maven-artifact-3.x.jar:/usr/share/java/commons-lang3.jar";
    let mut command = Command::new("java");
    command.args(["-cp", JARS, "org.apache.maven.artifact.versioning.ComparableVersion"]);
    command.args(pairs.iter().flat_map(|(a, b)| [a, b]));
    let comparisons: Vec<String> =
        lines(&run(&mut command, "")?).into_iter().filter(|line| line.starts_with(' ')).collect();
    // Every second is between the second of a pair and the first of the next.
    assert_eq!(comparisons.len(), pairs.len() * 2 - 1);
    Some(
        comparisons
            .iter()
            .step_by(2)
            .map(|line| line.split_whitespace().nth(1).unwrap().trim_matches('=').to_owned())
            .map(|sign| if sign.is_empty() { "=".to_owned() } else { sign })
            .collect(),
    )
}

#[test]
fn orders_are_those_of_the_ecosystems_tools() {
    const CASES: [(&str, &str, &[&str], Tool); 6] = [
        ("gem", "1", &[".", ".0", ".1", "0", "10", "a", "rc", ".rc", ".pre", "-", "-1", ".0.0", "B"], ruby),
        (
            "pypi",
            "1",
            &[
                ".0", ".1", "0", "10", "a1", "b", "rc2", ".post", ".post1", ".dev", ".dev2", "+a", "+1",
                ".a", "-1", "!1", "_", "-c", "alpha", ".rev3", "+a.01", "01",
            ],
            python,
        ),
        ("npm", "1.0.1", &["0", "-a", "-1", "-0", "+b", ".rc", ".1", "-", "-x.10", "A", ".a1"], node),
        (
            "rpm",
            "1",
            &[".", "0", "1", "01", "a", "B", "~", "^", "-", "-1", "_", "+", ".0", "~rc1", "git"],
            rpm,
        ),
        (
            "deb",
            "1",
            &[".", "0", "1", "01", "a", "B", "~", "+", "-", "-1", ".0", "~rc1", "+b1", "dfsg"],
            dpkg,
        ),
        (
            "maven",
            "1",
            &[
                ".", "-", "0", "1", "01", "10", "a", "b", "m", "x", "alpha", "beta", "rc", "cr", "snapshot",
                "ga", "final", "release", "sp", ".0", "-0", "-1", ".x", "-x", ".rc", "-sp", "--", ".RC",
            ],
            maven,
        ),
    ];
    let (mut wrong, mut absent) = (Vec::new(), Vec::new());
    for (name, first, parts, tool) in CASES {
        let pairs = Generator::new(first, parts).pairs();
        let Some(answers) = tool(&pairs) else {
            eprintln!("SKIPPED: the tool that orders versions of {name} is not installed");
            absent.push(name);
            continue;
        };
        let scheme = VersionScheme::from_name(name).unwrap();
        let (mut compared, mut differing) = (0, Vec::new());
        for ((a, b), answer) in pairs.iter().zip(&answers) {
            let expected = match answer.as_str() {
                "<" => Some(Ordering::Less),
                "=" => Some(Ordering::Equal),
                ">" => Some(Ordering::Greater),
                _ => None,
            };
            compared += usize::from(expected.is_some());
            let found = scheme.compare(a, b);
            // What we do not order is unknown, and denies.
            if expected.is_some() && found != expected {
                differing.push(format!("{name}: `{a}` and `{b}`: found {found:?}, {expected:?} by the tool"));
            }
        }
        eprintln!(
            "{name}: {compared} of {} pairs ordered by the tool, {} otherwise here",
            answers.len(),
            differing.len()
        );
        assert!(compared > 300, "{name}: only {compared} pairs are versions");
        wrong.extend(differing.into_iter().take(12));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(
        std::env::var_os("TRUST_VERSION_TOOLS").is_none() || absent.is_empty(),
        "not installed: {absent:?}"
    );
}
