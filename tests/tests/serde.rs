//! Values in a segment, saved in one of serde's formats and restored.

use serde_json::{Value, json};
use shm_runtime::inspect::Segment;
use shm_runtime::{Attached, Key, RemoveOnDrop, Schema, Shareable, SharedSegment, sync};

#[derive(Clone, Copy, Debug, PartialEq, Shareable)]
#[repr(u8)]
enum Mode {
    Off,
    On = 7,
}

#[derive(Clone, Copy, Debug, PartialEq, Shareable)]
#[repr(C)]
struct Wind {
    speed: f32,
    mode: Mode,
    letter: char,
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Station {
    celsius: f64,
    most: u64,
    least: i64,
    winds: [Wind; 2],
    name: [u8; 8],
    bytes: [u8; 3],
    on: bool,
    total: sync::Mutex<u32>,
}

fn new() -> (RemoveOnDrop<shm_runtime::Segment<Station>>, Attached<Station>) {
    let segment = Station::create().unwrap().remove_on_drop();
    let station = segment.attach().unwrap();
    station.celsius.set(0.1);
    station.most.set(u64::MAX);
    station.least.set(i64::MIN);
    let wind = Wind { speed: 0.1, mode: Mode::On, letter: 'ß' };
    station.winds.set([wind, Wind { speed: f32::NEG_INFINITY, ..wind }]);
    station.name.set_str("Zürich").unwrap();
    station.bytes.set([1, 2, 255]);
    station.on.set(true);
    (segment, station)
}

fn saved() -> Value {
    json!({
        "celsius": 0.1, "most": u64::MAX, "least": i64::MIN,
        "winds": [{"speed": 0.1, "mode": "On", "letter": "ß"}, {"speed": "-inf", "mode": "On", "letter": "ß"}],
        "name": "Zürich", "bytes": [1, 2, 255], "on": true,
        "total": {"word": 0, "abandoned": 0, "value": 0},
    })
}

#[test]
fn a_struct_is_saved_with_and_without_its_type_and_restored_to_what_it_was() {
    let (segment, station) = new();
    let tool = Segment::from_id(segment.id()).unwrap().attach().unwrap();
    let text = serde_json::to_string(&tool.root().unwrap()).unwrap();
    assert_eq!(text, serde_json::to_string(&*station).unwrap());
    assert_eq!(
        serde_json::from_str::<Value>(&text).unwrap(),
        serde_json::from_str::<Value>(&saved().to_string()).unwrap()
    );

    let (other, restored) = new();
    let raw = Station::create().unwrap().remove_on_drop();
    let empty = Segment::from_id(raw.id()).unwrap().attach().unwrap();
    let skipped = empty.root().unwrap().restore(&mut serde_json::Deserializer::from_str(&text)).unwrap();
    assert_eq!(skipped, ["total"]);
    let same = raw.attach_read_only().unwrap();
    assert_eq!(format!("{same:?}"), format!("{restored:?}"));
    drop(other);
}

#[test]
fn what_is_wrong_anywhere_is_named_by_its_path_and_nothing_is_written() {
    let segment = Station::create().unwrap().remove_on_drop();
    let tool = Segment::from_id(segment.id()).unwrap().attach().unwrap();
    let before = format!("{:?}", tool.root().unwrap());
    let cases = [
        (json!({"on": true, "most": -1}), "most: -1 does not fit into u64"),
        (
            json!({"on": true, "winds": [{"mode": "Onn"}, {}]}),
            "winds[0].mode: `Onn` is not a variant of `Mode`",
        ),
        (json!({"on": true, "winds": [{}]}), "winds: 1 elements, where there are 2"),
        (json!({"on": true, "winds": [{}, {}, {}]}), "winds: more elements than the 2"),
        (json!({"on": true, "winds": {}}), "winds: a map is not a value of [Wind; 2]"),
        (
            json!({"on": true, "winds": [{"sped": 1}, {}]}),
            "winds[0]: `Wind` has no field `sped`: it has `speed`",
        ),
        (json!({"on": true, "name": "Salzburg"}), "name: a text of 8 bytes"),
        (json!({"on": true, "celsius": null}), "for celsius"),
        (json!({"on": 1}), "on: 1 is not a value of `bool`"),
    ];
    for (value, message) in cases {
        let error = tool.root().unwrap().restore(value).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
        assert_eq!(format!("{:?}", tool.root().unwrap()), before);
    }
    let reader = Segment::from_id(segment.id()).unwrap().attach_read_only().unwrap();
    assert!(reader.root().unwrap().restore(json!({})).is_err());
}

#[test]
fn a_number_that_is_not_a_value_is_saved_as_the_number_and_not_restored() {
    let segment = Station::create().unwrap().remove_on_drop();
    segment.attach().unwrap().winds.set([Wind { speed: 0.0, mode: Mode::Off, letter: 'a' }; 2]);
    let like = Schema::of::<Station>().to_string().replace("Off=0 On=7", "Other=9");
    let tool = Segment::from_id(segment.id()).unwrap().attach().unwrap();
    let tool = tool.with_schema(Schema::parse(&like).unwrap()).unwrap();
    let saved = serde_json::to_value(tool.root().unwrap()).unwrap();
    assert_eq!(saved["winds"][0]["mode"], 0);
    assert!(tool.root().unwrap().restore(saved).unwrap_err().to_string().contains("winds[0].mode"));
}

#[test]
fn a_schema_and_what_the_kernel_knows_are_saved() {
    let segment = Station::create().unwrap().remove_on_drop();
    let schema = Schema::of::<Station>();
    let saved = serde_json::to_value(&schema).unwrap();
    assert_eq!(serde_json::from_value::<Schema>(saved).unwrap(), schema);
    assert!(serde_json::from_value::<Schema>(json!("struct")).is_err());
    let stat = segment.stat().unwrap();
    let saved = serde_json::to_value(&stat).unwrap();
    assert_eq!((&saved["size"], &saved["permissions"]["mode"]), (&json!(stat.size), &json!(0o600)));
    assert_eq!(serde_json::to_value(Key::name("org.example")).unwrap(), json!("name \"org.example\""));
}
