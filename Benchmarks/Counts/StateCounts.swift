import BenchmarkLoad
import CadastreDisk
import CadastreProtocol
import CadastreStateMachine

/// The state machine over 100,000 objects: what SQLite writes for puts, and which rows are read for
/// answers.
enum StateCounts {
    private static let objects = 100_000
    private static let commandsPerEntry = 64
    private static let entries = 1_024

    static func take(into table: inout Table) throws {
        let disk = CountingDisk(SimulatedDisk(seed: 1))
        let state = try LoadedState(directory: "/state", on: disk)
        try state.fill(objects)
        try takeReads(state, into: &table)
        try takePuts("state.ascending", .ascending, 0..<64, state, disk, into: &table)
        try takePuts("state.random", .random, 128..<192, state, disk, into: &table)
    }

    private static func takePuts(
        _ name: String,
        _ order: PutStream.Order,
        _ slots: Range<Int>,
        _ state: LoadedState,
        _ disk: CountingDisk,
        into table: inout Table
    ) throws {
        var puts = PutStream(of: state.caller, order, keyCount: objects, slots: slots)
        let before = state.machine.statistics
        disk.reset()
        for _ in 0..<entries { try state.apply(puts.next(commandsPerEntry)) }
        try state.machine.checkpoint()
        let after = state.machine.statistics
        let tally = disk.tally(of: "state")
        let commands = entries * commandsPerEntry
        table.add("\(name).bytes-per-command", tally.writtenBytes, per: commands)
        table.add("\(name).writes-per-1000-commands", tally.writes * 1_000, per: commands)
        table.add("\(name).reads-per-1000-commands", tally.reads * 1_000, per: commands)
        table.add("\(name).calls-per-1000-commands", tally.calls * 1_000, per: commands)
        table.add("\(name).syncs-per-100000-commands", tally.syncs * 100_000, per: commands)
        table.add(
            "\(name).commits-per-100000-commands",
            Int(after.commits - before.commits) * 100_000,
            per: commands
        )
    }

    private static func takeReads(_ state: LoadedState, into table: inout Table) throws {
        let pages = 16
        var rows = state.machine.rowsRead
        for page in 0..<pages {
            let listing = ObjectListing(
                bucket: Caller.bucket,
                after: PutStream.key(page * 5_000),
                maximum: 1_000
            )
            guard case .objects(let found) = try state.ask(.listObjects(listing)) else {
                preconditionFailure("a list that is none")
            }
            precondition(found.items.count == 1_000, "a page of \(found.items.count)")
        }
        table.add("list-of-1000.rows", Int(state.machine.rowsRead - rows), per: pages)
        rows = state.machine.rowsRead
        let gets = 1_000
        for place in 0..<gets {
            let query = Query.getObject(bucket: Caller.bucket, key: PutStream.key(place * 97))
            _ = try state.ask(query)
        }
        table.add("get.rows", Int(state.machine.rowsRead - rows), per: gets)
    }
}
