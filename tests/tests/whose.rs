//! Whose a segment is: what its key means, and what is replaced of what processes that are gone have left.

#[path = "who/scene.rs"]
mod scene;

use std::collections::HashMap;

use scene::{Said, Scene, kinds};
use shm_runtime::Key;

/// Two names with one key.
fn colliding_names() -> (String, String) {
    let mut seen = HashMap::new();
    for i in 0.. {
        let name = format!("whose.{i}");
        let value = Key::name(name.clone()).value().expect("a name has a key");
        if let Some(other) = seen.insert(value, name.clone()) {
            return (other, name);
        }
    }
    unreachable!("there are only 2^32 keys")
}

fn number_of(name: &str) -> i32 {
    Key::name(name.to_owned()).value().expect("a name has a key")
}

/// What a step made of what was there, of which 1000 is the balance.
#[derive(Debug, PartialEq, Eq)]
enum Came {
    Opened,
    Replaced,
    Refused(String),
}

fn came(said: &Said) -> Came {
    match said {
        Ok(balance) if balance == "1000" => Came::Opened,
        Ok(balance) if balance == "0" => Came::Replaced,
        Ok(other) => panic!("{other}"),
        Err((kind, _)) => Came::Refused(kind.clone()),
    }
}

const WAYS: [&str; 4] = ["create W", "open-or-create W", "create W reclaim", "open-or-create W reclaim"];

/// What each of the four ways makes of it, each of a new one; and that what was not replaced is still there.
fn each_way(scene: &mut Scene, left: &str, seeker: &str, expected: [&str; 4]) {
    for (way, expected) in WAYS.into_iter().zip(expected) {
        let way = way.replace('W', seeker);
        scene.step("", left).step("", &way);
        scene.shell("awk 'NR > 1 {print \"ok\\t\" $2}' /proc/sysvipc/shm");
        let said = scene.run();
        let [_, step, id] = &said[..] else { panic!("one segment is there: {said:?}") };
        let expected = match expected {
            "opened" => Came::Opened,
            "replaced" => Came::Replaced,
            kind => Came::Refused(kind.to_owned()),
        };
        // 0 is the id of the first one.
        let kept = id.as_ref().is_ok_and(|id| id == "0");
        assert_eq!(came(step), expected, "{left}; {way}: {said:?}");
        assert_eq!(kept, expected != Came::Replaced, "{left}; {way}: {said:?}");
    }
}

/// The table of `Options::reclaim_stale`, line by line.
#[test]
fn what_is_replaced_is_what_the_table_says() {
    let Some(mut scene) = Scene::new(&[]) else { return };
    let (a, b) = colliding_names();
    let mut each = |left: &str, seeker: &str, expected| {
        each_way(
            &mut scene,
            &left.replace('A', &format!("name:{a}")),
            &seeker.replace('A', &format!("name:{a}")).replace('B', &format!("name:{b}")),
            expected,
        );
    };
    let exists = "AlreadyExists";
    each("half-make segment A", "segment A", [exists, "replaced", "replaced", "replaced"]);
    each("half-make segment A", "grown A", [exists, "replaced", "replaced", "replaced"]);
    each("make segment A", "segment A", [exists, "opened", "replaced", "opened"]);
    for (left, seeker) in [("segment", "grown"), ("grown", "segment")] {
        let left = format!("make {left} A");
        each(&left, &format!("{seeker} A"), [exists, "LayoutDiffers", "replaced", "replaced"]);
    }
    each("make segment A", "other A", [exists, "LayoutDiffers", "LayoutDiffers", "LayoutDiffers"]);
    for left in ["make segment A", "make grown A", "make other A"] {
        each(left, "segment B", ["KeyCollision"; 4]);
    }
    // Half-made, another program's is not for this one to replace.
    for seeker in ["segment B", "other B", "grown B"] {
        each("half-make segment A", seeker, ["KeyCollision"; 4]);
    }
    each("half-make segment A", "other A", [exists, "LayoutDiffers", "LayoutDiffers", "LayoutDiffers"]);
    each("make bare A", "segment A", [exists, "NotSealed", exists, "NotSealed"]);
    each("make bare A", "bare A", [exists, "opened", exists, "opened"]);
}

#[test]
fn a_stale_segment_of_a_user_who_is_not_trusted_is_never_replaced() {
    let Some(mut scene) = Scene::new(&[]) else { return };
    for left in ["make segment", "half-make segment"] {
        for (way, expected) in
            WAYS.into_iter().zip(["AlreadyExists", "Untrusted", "AlreadyExists", "Untrusted"])
        {
            scene.step(&scene::as_user(1001), &format!("{left} name:whose mode=666"));
            scene.step("", &way.replace('W', "segment name:whose"));
            assert_eq!(kinds(&scene.run())[1], expected, "{way}");
        }
    }
}

#[test]
fn what_a_program_wrote_that_does_not_seal_is_not_replaced_whatever_its_size() {
    let Some(mut scene) = Scene::new(&[]) else { return };
    scene.step("", "make-raw segment name:whose");
    for way in WAYS {
        scene.step("", &way.replace('W', "segment name:whose"));
    }
    scene.shell("awk 'NR > 1 {print \"ok\\t\" $2}' /proc/sysvipc/shm");
    // Where nothing was written, there is nothing to lose: so a creator leaves it that was killed at once.
    scene.shell(
        "ipcrm -M 0x$(printf %x NUMBER)"
            .replace("NUMBER", &number_of("whose").cast_unsigned().to_string())
            .as_str(),
    );
    scene.step("", "make-raw segment name:whose empty").step("", "open-or-create segment name:whose");
    let said = scene.run();
    let (exists, abandoned) = ("AlreadyExists", "Abandoned");
    assert_eq!(kinds(&said)[..5], ["1000", exists, abandoned, exists, abandoned], "{said:?}");
    assert_eq!(kinds(&said)[6..], ["1000", "0"], "{said:?}");
}

#[test]
fn a_number_means_what_has_it_if_the_struct_is_the_same() {
    let Some(mut scene) = Scene::new(&[]) else { return };
    let file = scene.file("key");
    let by_file = format!("ftok:{}", file.display());
    let number = Key::ftok(&file, b'W').value().expect("it exists");
    for (one, other) in [
        (by_file.clone(), format!("number:{number}")),
        (format!("number:{number}"), by_file.clone()),
        ("name:whose".to_owned(), format!("number:{}", number_of("whose"))),
        (format!("number:{}", number_of("whose")), "name:whose".to_owned()),
    ] {
        let mut each = |seeker: &str, expected| {
            each_way(&mut scene, &format!("make segment {one}"), &format!("{seeker} {other}"), expected);
        };
        each("segment", ["AlreadyExists", "opened", "replaced", "opened"]);
        // The struct has grown.
        each("grown", ["AlreadyExists", "LayoutDiffers", "replaced", "replaced"]);
        // Another struct: the number was meant for something else.
        each("other", ["KeyCollision"; 4]);
    }
}

#[test]
fn two_names_with_one_key_and_a_name_and_a_file_are_told_apart_and_both_are_named() {
    let Some(mut scene) = Scene::new(&[]) else { return };
    let (a, b) = colliding_names();
    scene.step("", &format!("make segment name:{a}"));
    for way in ["open", "create", "open-or-create"] {
        scene.step("", &format!("{way} segment name:{b}"));
    }
    let said = scene.run();
    assert_eq!(said.len(), 4);
    for said in &said[1..] {
        let Err((kind, text)) = said else { panic!("{said:?}") };
        assert_eq!(kind, "KeyCollision");
        for part in [format!("Accounts by name {a:?}"), format!("Accounts by name {b:?}")] {
            assert!(text.contains(&part), "no {part} in {text}");
        }
        // It is not this program's to be removed.
        assert!(!text.contains("ipcrm"), "{text}");
    }
}

#[test]
fn a_half_made_segment_of_another_program_is_told_as_a_collision_and_not_waited_for() {
    let Some(mut scene) = Scene::new(&[]) else { return };
    let (a, b) = colliding_names();
    scene.step("", &format!("half-make segment name:{a}"));
    scene.step("", &format!("open segment name:{b}")).step("", &format!("open segment name:{a}"));
    let said = scene.run();
    assert_eq!(kinds(&said), ["died", "KeyCollision", "Abandoned"], "{said:?}");
}

#[test]
fn a_companion_learns_of_a_collision_from_the_seal_of_its_segment() {
    let Some(mut scene) = Scene::new(&[]) else { return };
    let (a, b) = colliding_names();
    for kind in ["segment", "other"] {
        scene.step("", &format!("make {kind} name:{a}")).step("", &format!("make set name:{a}"));
        for way in ["open", "create", "open-or-create"] {
            scene.step("", &format!("{way} companion name:{b}"));
        }
        // By its number, it is that of the same struct only.
        scene.step("", &format!("open companion number:{}", number_of(&a)));
        // Its own.
        scene.step("", &format!("open companion name:{a}"));
        let said = scene.run();
        let by_number = if kind == "segment" { "true" } else { "KeyCollision" };
        let collision = "KeyCollision";
        assert_eq!(
            kinds(&said),
            ["1000", "true", collision, collision, collision, by_number, "true"],
            "{said:?}"
        );
        let Err((_, text)) = &said[2] else { unreachable!("a collision") };
        assert!(text.contains(&format!("name {a:?}")) && text.contains(&format!("name {b:?}")), "{text}");
    }
    // A stranger's segment says nothing of it.
    scene.step(&scene::as_user(1001), &format!("make segment name:{a} mode=666"));
    scene.step("", &format!("create companion name:{b}"));
    assert_eq!(kinds(&scene.run()), ["1000", "true"]);
}
