//! What the figures were measured on.

use std::fs;
use std::process::Command;

use crate::sys;

/// A few words, as Markdown.
pub fn describe() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown processor", |(_, name)| name);
    let virtual_machine = if cpu.contains(" hypervisor") { ", in a virtual machine" } else { "" };
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    // What is behind the version says whose machine it is, and nothing about its speed.
    let kernel = kernel.trim().split('-').next().unwrap_or_default().to_owned();
    let rustc = Command::new("rustc").arg("--version").output();
    let rustc = rustc.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = memory.lines().next().and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    format!(
        "Measured on: {model}, {} cores{virtual_machine}, {} GiB, Linux {kernel}, {}. The load average of the last \
         minute was {} before the run.",
        sys::processors().len(),
        memory.unwrap_or(0) >> 20,
        rustc.unwrap_or_default(),
        load()
    )
}

fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().unwrap_or_default().to_owned()
}
