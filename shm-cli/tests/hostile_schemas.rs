//! Whatever text a schema is, the commands that read one end with a result or a clear error, and print no control character.

use std::process::Command;

use shm_tests::temp::TempDir;

mod generated;

use generated::compile_all;

const SHM: &str = env!("CARGO_BIN_EXE_shm");

/// With all that a schema can have.
const STATION: &str = "\
struct Station size 448 align 64
  readings @0 atomic u64
  celsius @8 f64
  wind @16 struct Wind size 16 align 8
    speed @0 f64
    degrees @8 u16
  totals @32 builtin Mutex size 24 align 8
    word @0 atomic u32
    abandoned @4 atomic u32
    value @8 struct Wind size 16 align 8
      speed @0 f64
      degrees @8 u16
  latest @56 builtin SeqLock size 72 align 8
    sequence @0 atomic u64
    slots @8 [2] struct Wind size 16 align 8
      speed @0 f64
      degrees @8 u16
    writer @40 atomic u64
    process @48 atomic u64
    namespace @56 atomic u64
    writing @64 atomic u64
  changed @128 builtin Event size 4 align 4
    count @0 atomic u32
  raining @132 bool
  mode @133 enum Mode u8 Off=0 On=1
  letter @136 char
  counts @144 [2] [3] atomic u32
  name @192 [32] u8
  series @256 [8] struct Sample size 24 align 8
    at @0 u64
    value @8 f64
    hits @16 atomic u32
  none @448 [0] u64
";

/// What is put in place of a word.
const WORDS: [&str; 43] = [
    "0",
    "1",
    "2",
    "3",
    "4",
    "7",
    "8",
    "16",
    "24",
    "64",
    "128",
    "-1",
    "65536",
    "18446744073709551615",
    "@0",
    "@8",
    "@24",
    "[0]",
    "[1]",
    "[2]",
    "[65536]",
    "[9223372036854775807]",
    "[18446744073709551615]",
    "u8",
    "u64",
    "usize",
    "f32",
    "bool",
    "char",
    "atomic",
    "struct",
    "enum",
    "builtin",
    "Mutex",
    "SeqLock",
    "A=255",
    "A=256",
    "A=-170141183460469231731687303715884105728",
    "x\u{1b}[31m",
    "*/",
    "\"+\\",
    "\u{202e}x",
    "#include",
];

/// What is put in place of a name.
const NAMES: [&str; 43] = [
    "int",
    "class",
    "None",
    "größe",
    "日本",
    "e\u{301}",
    "Station",
    "Wind",
    "Mode",
    "SeqLock",
    "Mutex",
    "readings",
    "wind",
    "EOF",
    "NULL",
    "linux",
    "bytes",
    "print",
    "_padding",
    "_padding_2",
    "_fields_",
    "__init__",
    "__LINE__",
    "_",
    "9",
    "std",
    "this",
    "self",
    "Station_Wind",
    "Station_KEY",
    "Station_Wind_load",
    "sequence",
    "slots",
    "writer",
    "open",
    "load",
    "from",
    "to",
    "KEY",
    "🦀",
    "Wind_load",
    "SeqLock_Wind_read",
    "SeqLock_Wind",
];

/// The same numbers in every run: what fails can be tried again.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).expect("below a usize")
    }
}

/// The text with a few changes: of words, of lines, and of single characters.
fn mutated(random: &mut Random) -> String {
    let mut lines: Vec<String> = STATION.lines().map(str::to_owned).collect();
    for _ in 0..=random.below(6) {
        let at = random.below(lines.len());
        let other = lines[random.below(lines.len())].clone();
        match random.below(20) {
            0 => drop(lines.remove(at)),
            1 => lines.insert(at, other),
            2 => lines[at] = other,
            3 => lines[at].insert_str(0, "  "),
            4 => {
                let chars: Vec<char> = lines[at].chars().collect();
                let place = random.below(chars.len());
                let put = ['\0', '\n', '\x1b', '\u{9b}', ' ', '=', '@', '9'][random.below(8)];
                lines[at] =
                    chars.iter().enumerate().map(|(i, &char)| if i == place { put } else { char }).collect();
            }
            kind => {
                let mut words: Vec<&str> = lines[at].split(' ').collect();
                let full: Vec<usize> = (0..words.len()).filter(|&i| !words[i].is_empty()).collect();
                let of_type = words.iter().position(|word| ["struct", "enum", "builtin"].contains(word));
                let name = NAMES[random.below(NAMES.len())];
                match (kind, of_type) {
                    (5, _) => words[full[random.below(full.len())]] = WORDS[random.below(WORDS.len())],
                    (6..10, Some(keyword)) if keyword + 1 < words.len() => words[keyword + 1] = name,
                    _ if at > 0 => words[full[0]] = name,
                    _ => {}
                }
                lines[at] = words.join(" ");
            }
        }
        if lines.is_empty() {
            break;
        }
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// Runs the tool on a schema. Its output, if it had one, or `None`.
#[track_caller]
fn run(arguments: &[&str], statuses: &[i32], schema: &str) -> Option<String> {
    let output = Command::new(SHM).args(arguments).output().expect("run shm");
    let (out, said) = (String::from_utf8(output.stdout), String::from_utf8(output.stderr));
    let (out, said) = (out.expect("UTF-8"), said.expect("UTF-8"));
    let is_status = output.status.code().is_some_and(|status| statuses.contains(&status));
    assert!(is_status, "{arguments:?}: {:?}, {said}\n{schema:?}", output.status);
    let hidden =
        |char: char| (char.is_control() && char != '\n') || ('\u{202a}'..='\u{202e}').contains(&char);
    assert!(!out.contains(hidden) && !said.contains(hidden), "{arguments:?}: {out:?} {said:?}");
    let failed = output.status.code() == statuses.last().copied();
    assert_eq!(failed, !said.is_empty(), "{arguments:?}: {said}");
    (!failed).then_some(out)
}

/// How many texts are tried: `SHM_FUZZ=10000` for a longer run.
fn rounds() -> usize {
    std::env::var("SHM_FUZZ").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(250)
}

#[test]
fn any_schema_gives_a_result_or_an_error_and_what_is_written_compiles() {
    let dir = TempDir::new();
    let original = dir.file("original.schema", STATION);
    let original = original.to_string_lossy();
    let mut random = Random(0x5348_4d31_3337_0001);
    let (mut good, mut written) = (0, 0);
    for round in 0..rounds() {
        let schema = mutated(&mut random);
        let file = dir.file("mutated.schema", &schema);
        let file = file.to_string_lossy();
        let shown = run(&["layout", &file], &[0, 1], &schema);
        if shown.is_some() {
            good += 1;
            run(&["layout", "--svg", &file], &[0, 1], &schema);
            run(&["layout", "--json", &file], &[0, 1], &schema);
        }
        run(&["diff", &original, &file], &[0, 1, 2], &schema);
        // One each time, which takes less time; all in turns.
        let (flag, extension) =
            [(None, "c"), (Some("--cpp"), "cpp"), (Some("--python"), "py"), (Some("--numpy"), "py")]
                [round % 4];
        let mut arguments = vec!["header", &file];
        arguments.extend(flag);
        if let Some(text) = run(&arguments, &[0, 1], &schema) {
            written += 1;
            dir.file(&format!("m{round}.{extension}"), &text);
        }
    }
    // Not all of it was refused by the first look at it.
    assert!(good * 5 > rounds() && written * 5 > rounds(), "{good} and {written} of {}", rounds());
    compile_all(dir.path());
}
