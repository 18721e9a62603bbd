//! A type that is named by way of a parameter may have any name, also one that the library has; and a parameter that only names
//! types need not be shareable.

#![forbid(unsafe_code)]
#![deny(warnings)]

use shm_runtime::{Shareable, SharedSegment};

pub trait Group {
    type Member: Shareable + Copy;
    type Parts: Shareable + Copy;
    type Atomic: Shareable + Copy;
    type Types: Shareable + Copy;
    type Target: Shareable + Copy;
    type Read: Shareable + Copy;
    type Write: Shareable + Copy;
    type Both: Shareable + Copy;
    const INFO: usize;
    const MEMBERS: usize;
    const INFOS: usize;
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
pub struct Crew {
    id: u32,
}

impl Group for Crew {
    type Member = u64;
    type Parts = u8;
    type Atomic = u16;
    type Types = i8;
    type Target = [u8; 3];
    type Read = bool;
    type Write = f32;
    type Both = f64;
    const INFO: usize = 1;
    const MEMBERS: usize = 2;
    const INFOS: usize = 3;
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
pub struct Roster<G: Group> {
    owner: G,
    members: [G::Member; 4],
    parts: <G as Group>::Parts,
    atomic: G::Atomic,
    types: G::Types,
    target: [[G::Target; 2]; 2],
    read: G::Read,
    write: G::Write,
    both: G::Both,
}

pub trait Sensor {
    type Value: Shareable + Copy;
}

/// A tag: it has no values.
pub enum Thermometer {}

impl Sensor for Thermometer {
    type Value = f32;
}

/// Its parameter is in no field.
#[derive(Clone, Copy, Shareable)]
#[repr(C)]
pub struct Reading<S: Sensor>
where
    S::Value: PartialOrd,
{
    value: S::Value,
    earlier: [<S as Sensor>::Value; 4],
}

/// An associated type of an associated type.
pub trait Site {
    type Sensor: Sensor;
}
pub enum Roof {}
impl Site for Roof {
    type Sensor = Thermometer;
}
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
pub struct OnSite<S: Site> {
    value: <S::Sensor as Sensor>::Value,
    pairs: [<<S as Site>::Sensor as Sensor>::Value; 2],
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
pub struct Log {
    reading: Reading<Thermometer>,
}

fn main() {
    let segment = Roster::<Crew>::create().unwrap().remove_on_drop();
    let roster = segment.attach().unwrap();
    roster.owner.set(Crew { id: 3 });
    roster.members[3].set(u64::MAX);
    roster.both.set(0.5);
    assert_eq!((roster.owner.get().id, roster.members[3].get(), roster.both.get()), (3, u64::MAX, 0.5));
    assert_eq!((roster.atomic.get(), roster.parts.get(), roster.types.get()), (0, 0, 0));
    let log = Log::create().unwrap().remove_on_drop();
    log.attach().unwrap().reading.earlier[2].set(1.5);
    let site = OnSite::<Roof>::create().unwrap().remove_on_drop();
    site.attach().unwrap().pairs[1].set(1.5);
    let (_, _, _) = (Crew::INFO, Crew::MEMBERS, Crew::INFOS);
}
