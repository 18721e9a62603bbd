//! Users: whose objects are opened, and what their modes let them do. By processes that are those users.

#[path = "who/scene.rs"]
mod scene;

use std::process::Command;

use scene::{Said, Scene, as_user, kinds};
use shm_tests::skip;

const KINDS: [&str; 4] = ["segment", "set", "queue", "companion"];
const PATHS: [&str; 3] = ["open", "open-or-create", "from-id"];

/// A scene, where the user 65534 has the name that it has nearly everywhere.
fn with_nobody() -> Option<Scene> {
    let output = Command::new("id").args(["-u", "nobody"]).output();
    if !output.is_ok_and(|output| output.stdout == b"65534\n") {
        skip("the user 65534 is not `nobody` here");
        return None;
    }
    Scene::new(&[])
}

/// The step is refused because of its users, and says all of this.
fn refused(said: &Said, parts: &[&str]) {
    let Err((kind, text)) = said else { panic!("{said:?}") };
    assert_eq!(kind, "Untrusted", "{text}");
    for part in parts {
        assert!(text.contains(part), "no {part:?} in: {text}");
    }
}

#[test]
fn a_strangers_segment_set_queue_and_companion_are_refused_by_every_path() {
    let Some(mut scene) = Scene::new(&[]) else { return };
    for kind in KINDS {
        scene.step(&as_user(1001), &format!("make {kind} name:users mode=666"));
        for victim in ["", &as_user(1000)] {
            for path in PATHS {
                scene.step(victim, &format!("{path} {kind} name:users"));
            }
        }
        let said = scene.run();
        assert_eq!(said.len(), 7, "{said:?}");
        assert!(said[0].is_ok(), "{said:?}");
        for (i, said) in said[1..].iter().enumerate() {
            let uid = if i < 3 { "this process, uid 0" } else { "this process, uid 1000" };
            refused(said, &["belongs to uid 1001 and was created by uid 1001", uid, "trust_owner(1001)"]);
        }
    }
}

#[test]
fn a_user_who_is_trusted_by_number_or_name_is_let_in_and_root_can_trust_all() {
    let Some(mut scene) = with_nobody() else { return };
    for kind in KINDS {
        scene.step(&as_user(65534), &format!("make {kind} name:users mode=666"));
        for path in PATHS {
            for trust in
                ["uid=65534", "user=nobody", "anybody", "uid=5 user=nobody", "user=no-such nobody uid=65534"]
            {
                scene.step("", &format!("{path} {kind} name:users {trust}"));
            }
            scene.step(&as_user(1000), &format!("{path} {kind} name:users user=nobody"));
        }
        let said = scene.run();
        assert_eq!(said.len(), 19);
        assert!(said.iter().all(Result::is_ok), "{kind}: {said:?}");
        scene.step(&as_user(65534), &format!("make {kind} name:users mode=666"));
        scene.step("", &format!("open {kind} name:users uid=65533 user=root"));
        scene.step("", &format!("open {kind} name:users user=no-such-user"));
        let said = scene.run();
        refused(&said[1], &["belongs to uid 65534"]);
        let Err((error, text)) = &said[2] else { panic!("{said:?}") };
        assert_eq!(error, "UnknownUser");
        assert!(text.contains("\"no-such-user\"") && text.contains("does not exist"), "{text}");
    }
}

#[test]
fn a_name_in_the_attribute_is_trusted_and_the_companion_inherits_it() {
    let Some(mut scene) = with_nobody() else { return };
    let nobody = as_user(65534);
    scene
        .step(&nobody, "make segment name:users mode=666")
        .step(&nobody, "make companion name:users mode=666");
    for kind in ["named", "named-companion", "trusting-companion"] {
        for path in PATHS {
            scene.step("", &format!("{path} {kind} name:users"));
        }
    }
    let said = scene.run();
    assert!(said.len() == 11 && said.iter().all(Result::is_ok), "{said:?}");
}

#[test]
fn a_trusted_name_that_does_not_exist_does_not_matter_for_objects_of_ones_own() {
    let Some(mut scene) = Scene::new(&[]) else { return };
    for kind in KINDS {
        let words = format!("{kind} name:users user=no-such-user");
        let said = scene
            .step(&as_user(1000), &format!("make {words}"))
            .step(&as_user(1000), &format!("open {words}"));
        assert!(said.run().iter().all(Result::is_ok), "{kind}");
    }
}

#[test]
fn root_removes_what_it_does_not_open() {
    let Some(mut scene) = Scene::new(&[]) else { return };
    for kind in KINDS {
        scene.step(&as_user(1001), &format!("make {kind} name:users mode=666"));
        scene.step("", &format!("remove {kind} name:users")).step("", &format!("create {kind} name:users"));
        let said = scene.run();
        assert!(said.len() == 3 && said.iter().all(Result::is_ok), "{said:?}");
    }
}

/// User 1000 in user namespaces where user 1001, and perhaps he himself, has no number.
const NAMESPACES: [&str; 4] = [
    "unshare --user",
    "unshare --user --map-user=65534 --map-group=65534",
    "unshare --user --map-root-user",
    "unshare --user --map-user=1000",
];

fn in_namespace(namespace: &str) -> String {
    format!("setpriv --reuid=1000 --regid=1000 --clear-groups {namespace}")
}

#[test]
fn in_a_user_namespace_the_uid_of_all_users_without_a_number_is_not_trusted() {
    let needs = NAMESPACES.map(in_namespace);
    let Some(mut scene) = Scene::new(&needs.each_ref().map(String::as_str)) else { return };
    for kind in KINDS {
        scene.step(&as_user(1001), &format!("make {kind} name:users mode=666"));
        for namespace in &needs {
            for path in PATHS {
                // Also where that number is said to be trusted: it is not a user.
                for trust in ["", "uid=65534", "user=nobody"] {
                    scene.step(namespace, &format!("{path} {kind} name:users {trust}"));
                }
            }
            scene.step(namespace, &format!("open {kind} name:users anybody"));
        }
        let said = scene.run();
        assert_eq!(said.len(), 1 + 4 * 10, "{said:?}");
        for chunk in said[1..].chunks(10) {
            for said in &chunk[..9] {
                refused(
                    said,
                    &["uid 65534 is the overflow uid", "user namespace (user:[", "trust_anybody()"],
                );
                let Err((_, text)) = said else { unreachable!("refused") };
                assert!(!text.contains("trust_owner(") && !text.contains("trust = "), "{text}");
            }
            assert!(chunk[9].is_ok(), "{kind}: {chunk:?}");
        }
    }
}

#[test]
fn a_segment_of_roots_outside_is_not_that_of_the_root_of_a_user_namespace() {
    let namespace = in_namespace("unshare --user --map-root-user");
    let Some(mut scene) = Scene::new(&[&namespace]) else { return };
    for kind in KINDS {
        scene.step("", &format!("make {kind} name:users mode=666"));
        scene.step(&namespace, &format!("open {kind} name:users"));
        // His own, seen from there, is that of root there; and from outside it is his.
        scene.step(&namespace, &format!("make {kind} name:own mode=666"));
        scene.step(&namespace, &format!("open {kind} name:own"));
        scene.step(&as_user(1000), &format!("open {kind} name:own"));
        scene.step("", &format!("open {kind} name:own"));
        let said = scene.run();
        refused(&said[1], &["user namespace (user:["]);
        assert!(said[2..5].iter().all(Result::is_ok), "{kind}: {said:?}");
        refused(&said[5], &["belongs to uid 1000"]);
    }
}

#[test]
fn a_user_without_a_number_uses_what_he_has_just_created_and_opens_nothing() {
    let namespace = in_namespace("unshare --user");
    let Some(mut scene) = Scene::new(&[&namespace]) else { return };
    for kind in ["segment", "bare", "set", "queue", "companion"] {
        scene.step(&namespace, &format!("make {kind} name:users"));
        scene.step(&namespace, &format!("open {kind} name:users"));
        let said = scene.run();
        assert!(said[0].is_ok(), "{kind}: {said:?}");
        refused(&said[1], &["overflow uid"]);
    }
}

#[test]
fn where_all_users_have_numbers_65534_is_a_user_like_others() {
    let Some(mut scene) = Scene::new(&[]) else { return };
    for kind in KINDS {
        scene.step(&as_user(65534), &format!("make {kind} name:users"));
        scene.step(&as_user(65534), &format!("open {kind} name:users"));
        scene.step("", &format!("open {kind} name:users uid=65534"));
        let said = scene.run();
        assert!(said.len() == 3 && said.iter().all(Result::is_ok), "{said:?}");
    }
}

/// With nothing in /proc.
const NO_PROC: &str = r#"unshare --mount sh -c 'mount -t tmpfs none /proc && exec "$@"' sh"#;

#[test]
fn without_proc_it_cannot_be_told_whose_an_object_of_65534_is() {
    let Some(mut scene) = Scene::new(&["unshare --mount"]) else { return };
    for kind in KINDS {
        let nobody = format!("{NO_PROC} {}", as_user(65534));
        scene.step(&nobody, &format!("make {kind} name:users mode=666"));
        scene.step(&nobody, &format!("open {kind} name:users"));
        scene.step(&nobody, &format!("open {kind} name:users uid=65534"));
        scene.step(&nobody, &format!("open {kind} name:users anybody"));
        // Others are known.
        scene.step(&as_user(1000), &format!("make {kind} name:others"));
        scene.step(&format!("{NO_PROC} {}", as_user(1000)), &format!("open {kind} name:others"));
        let said = scene.run();
        assert!([0, 3, 4, 5].iter().all(|&at: &usize| said[at].is_ok()), "{kind}: {said:?}");
        for said in &said[1..3] {
            refused(said, &["cannot be told", "/proc/self/uid_map"]);
        }
    }
}

#[test]
fn to_alter_is_enough_to_acquire_and_to_send() {
    let Some(mut scene) = Scene::new(&[]) else { return };
    let nobody = as_user(65534);
    for (kind, mode) in [("set", "622"), ("set", "662"), ("queue", "622"), ("companion", "622")] {
        scene.step("", &format!("make {kind} name:users mode={mode}"));
        for path in PATHS {
            scene.step(&nobody, &format!("{path} {kind} name:users"));
        }
        let said = scene.run();
        assert!(said.len() == 4 && said.iter().all(Result::is_ok), "{kind}: {said:?}");
    }
    // To look takes the permission to read; and whose it is, is known all the same.
    scene.step("", "make set name:users mode=622").step(&nobody, "value set name:users");
    scene.step("", "make set name:closed mode=600").step(&nobody, "open set name:closed");
    scene.step(&as_user(1001), "make set name:strangers mode=622").step(&nobody, "open set name:strangers");
    let said = scene.run();
    let expected = ["true", "Permission", "true", "Permission", "true", "Untrusted"];
    assert_eq!(kinds(&said), expected, "{said:?}");
}

#[test]
fn to_alter_is_enough_where_there_is_no_proc() {
    let Some(mut scene) = Scene::new(&["unshare --mount"]) else { return };
    let user = format!("{NO_PROC} {}", as_user(1000));
    for kind in ["set", "queue"] {
        scene.step("", &format!("make {kind} name:users mode=622"));
        scene.step(&user, &format!("open {kind} name:users"));
        scene.step(&user, &format!("from-id {kind} name:users"));
        scene.step(&as_user(1001), &format!("make {kind} name:strangers mode=622"));
        scene.step(&user, &format!("open {kind} name:strangers"));
        assert_eq!(kinds(&scene.run()), ["true", "true", "true", "true", "Untrusted"], "{kind}");
    }
}

#[test]
fn a_mode_that_keeps_its_own_creator_out_is_refused_and_leaves_nothing_behind() {
    // Its capabilities are not those of the namespace that the segments belong to.
    let namespace = in_namespace("unshare --user --map-root-user");
    let Some(mut scene) = Scene::new(&[&namespace]) else { return };
    let mut steps = 0;
    for user in [&as_user(65534), &namespace] {
        for mode in ["0", "060", "066", "400", "200", "277"] {
            scene.step(user, &format!("make segment name:users mode={mode}"));
            scene.step(user, &format!("make bare name:users mode={mode}"));
            scene.step(user, &format!("create segment name:users mode={mode}"));
            steps += 3;
        }
    }
    // None exists.
    scene.shell("[ $(wc -l < /proc/sysvipc/shm) = 1 ] || echo left");
    let said = scene.run();
    assert_eq!(said.len(), steps);
    for said in &said {
        let Err((kind, text)) = said else { panic!("{said:?}") };
        assert!(kind == "InvalidInput" && text.contains("keeps the creator itself"), "{text}");
        assert!(text.contains("The mode asked for is 0o"), "{text}");
    }
    // Root is not asked for permission bits; what is not filled in needs none.
    scene.step("", "make segment name:root mode=0").step(&as_user(65534), "make-only bare name:bare mode=0");
    assert_eq!(kinds(&scene.run()), ["1000", ""]);
}

#[test]
fn a_set_whose_mode_keeps_its_own_creator_out_is_refused_and_the_least_that_it_takes_is_enough() {
    // Its capabilities are not those of the namespace that the sets belong to.
    let namespace = in_namespace("unshare --user --map-root-user");
    let Some(mut scene) = Scene::new(&[&namespace]) else { return };
    let nobody = as_user(65534);
    for (mode, units) in [("0", 1), ("0", 0), ("400", 1), ("066", 1), ("200", 1), ("200", 0), ("400", 0)] {
        scene.step(&nobody, &format!("make set name:users{mode}.{units} mode={mode} units={units}"));
    }
    scene.step(&nobody, "open set name:users200.1 mode=200");
    scene.step(&namespace, "make set name:users mode=66");
    scene.shell("echo \"ok\t$(($(wc -l < /proc/sysvipc/sem) - 1))\"");
    let said = scene.run();
    let refused = "InvalidInput";
    assert_eq!(kinds(&said)[..8], [refused, refused, refused, refused, "true", "0", "0", "true"], "{said:?}");
    // And only the three that could be made are there.
    assert_eq!(kinds(&said)[8..], [refused, "3"], "{said:?}");
}

#[test]
fn a_user_who_may_only_read_is_told_of_attach_read_only_and_others_are_not() {
    let Some(mut scene) = Scene::new(&[]) else { return };
    let nobody = as_user(65534);
    scene.step("", "make segment name:users mode=604").step(&nobody, "open segment name:users");
    scene.step("", "make segment name:closed mode=600").step(&nobody, "open segment name:closed");
    scene.step("", "make segment name:write mode=602").step(&nobody, "open segment name:write");
    let said = scene.run();
    assert_eq!(kinds(&said), ["1000", "Permission", "1000", "Permission", "1000", "Permission"]);
    for (at, told) in [(1, true), (3, false), (5, false)] {
        let Err((_, text)) = &said[at] else { unreachable!("a kind") };
        assert_eq!(text.contains("`attach_read_only()` works"), told, "{text}");
    }
}
