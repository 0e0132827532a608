//! `coulter boards`

use coulter_boards::{Board, Cost};
use serde_json::{Value, json};

use crate::output::{self, say};

/// Lists the boards that `--target` knows.
pub fn run(as_json: bool) {
    let boards = coulter_boards::all();
    if as_json {
        output::json(&json!({ "boards": boards.iter().map(object).collect::<Vec<_>>() }));
        return;
    }
    let right = ["cores", "MHz", "RAM, MiB", "for a model"];
    let header = [
        "--target",
        "board",
        "core",
        "cores",
        "MHz",
        "instruction sets",
        "RAM, MiB",
        "for a model",
        "power",
        "latency",
    ];
    let mut table = output::table(&header, &right);
    for board in boards {
        let ram: Vec<String> = board.memory.ram_mib.iter().map(u64::to_string).collect();
        let power = if board.sensors.power.is_empty() { "none".into() } else { board.sensors.power.join(", ") };
        table.add_row([
            board.id.clone(),
            board.name.clone(),
            board.core.model.clone(),
            board.core.count.to_string(),
            board.core.mhz.to_string(),
            isas(board).join(" "),
            ram.join(" "),
            output::bytes(board.usable_bytes()),
            power,
            Cost::of(board).map_or("unknown", |cost| if cost.is_measured() { "measured" } else { "estimated" }).into(),
        ]);
    }
    say!("{table}");
}

/// Names of the instruction sets besides `generic`.
fn isas(board: &Board) -> Vec<&'static str> {
    board.isas.iter().map(|isa| isa.name()).collect()
}

fn object(board: &Board) -> Value {
    json!({
        "id": board.id,
        "name": board.name,
        "triples": board.triples,
        "isas": isas(board),
        "qemu": board.qemu,
        "core": board.core.model,
        "cores": board.core.count,
        "mhz": board.core.mhz,
        "l1d_kib": board.cache.l1d_kib,
        "l2_kib": board.cache.l2_kib,
        "l3_kib": board.cache.l3_kib,
        "ram_mib": board.memory.ram_mib,
        "usable_bytes": board.usable_bytes(),
        "memory_gb_per_s": board.memory.gb_per_s,
        "thermal_zones": board.sensors.thermal,
        "power_sensors": board.sensors.power,
    })
}
