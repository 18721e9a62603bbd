//! Values in a segment, saved in one of serde's formats and restored.

use serde_json::{Value, json};
use shm_runtime::inspect::Segment;
use shm_runtime::{Attached, Key, List, RemoveOnDrop, Schema, Shareable, SharedSegment, Text, sync};

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

#[derive(Clone, Copy, Debug, PartialEq, Shareable, serde::Serialize, serde::Deserialize)]
#[repr(transparent)]
struct Celsius(f64);

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Log {
    title: Text<12>,
    values: List<Celsius, 4>,
    names: List<Text<6>, 3>,
    last: sync::SeqLock<Text<8>>,
}

#[test]
fn texts_and_lists_are_saved_as_a_text_and_a_sequence_and_restored() {
    let segment = Log::create().unwrap().remove_on_drop();
    let log = segment.attach().unwrap();
    log.title.set_str("Föhn").unwrap();
    log.values.set_from(&[Celsius(0.5), Celsius(-1.0)]).unwrap();
    log.names.push(Text::new("Uri").unwrap()).unwrap();
    let mut saved = serde_json::to_value(&*log).unwrap();
    assert_eq!(saved["title"], "Föhn");
    assert_eq!((&saved["values"], &saved["names"]), (&json!([{"0": 0.5}, {"0": -1.0}]), &json!(["Uri"])));
    assert_eq!(serde_json::to_value(&log.names).unwrap(), json!(["Uri"]));

    // The same from plain values, and back.
    let values = serde_json::to_value(log.values.get()).unwrap();
    assert_eq!(values, json!([0.5, -1.0]));
    assert_eq!(serde_json::from_value::<List<Celsius, 4>>(values.clone()).unwrap(), log.values.get());
    let error = serde_json::from_value::<List<Celsius, 1>>(values).unwrap_err().to_string();
    assert!(error.contains("a list of 2 values does not fit into 1"), "{error}");
    assert_eq!(serde_json::to_value(log.title.get()).unwrap(), "Föhn");
    assert_eq!(serde_json::from_value::<Text<5>>(json!("Föhn")).unwrap(), "Föhn");
    assert!(serde_json::from_value::<Text<4>>(json!("Föhn")).is_err());

    let other = Log::create().unwrap().remove_on_drop();
    let restored = other.attach().unwrap();
    restored.values.set_from(&[Celsius(9.0); 4]).unwrap();
    let tool = Segment::from_id(other.id()).unwrap().attach().unwrap();
    assert_eq!(tool.root().unwrap().restore(saved.clone()).unwrap(), ["last"]);
    assert_eq!((restored.title.get(), restored.values.get()), (log.title.get(), log.values.get()));
    assert_eq!(restored.names.get(), log.names.get());
    for (name, value, message) in [
        ("title", json!("Föhn in Altdorf"), "title: a text of 16 bytes does not fit into 12"),
        ("values", json!([{}, {}, {}, {}, {}]), "values: more elements than the 4"),
        ("names", json!(["Uri", "Obwalden"]), "names[1]: a text of 8 bytes does not fit into 6"),
    ] {
        saved[name] = value;
        let error = tool.root().unwrap().restore(saved.clone()).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
        saved = serde_json::to_value(&*log).unwrap();
    }
    restored.values.set_from(&[]).unwrap();
    tool.resolve("values").unwrap().restore(json!([{"0": 1.0}, {"0": 2.0}, {"0": 3.0}, {"0": 4.0}])).unwrap();
    assert_eq!(restored.values.get()[3], Celsius(4.0));
}
