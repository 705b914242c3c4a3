import BenchmarkLoad
import CadastreDisk
import CadastreNode
import CadastreProtocol
import CadastreStorage
import RaftCore

/// The journal, driven by its stage: entries of 64 commands, one at a time and eight at a time.
enum JournalCounts {
    private static let commandsPerEntry = 64
    private static let entries = 1_024
    private static let identity = JournalIdentity(
        cluster: ClusterID(high: 1, low: 2),
        node: NodeID(1),
        incarnation: Incarnation(high: 3, low: 4)
    )
    /// Smaller than in earnest, so that some segments are prepared and begun.
    private static let settings = JournalSettings(segmentSize: 4 << 20, sliceSize: 256 << 10)

    static func take(into table: inout Table) throws {
        try take("journal.alone", entriesPerTurn: 1, into: &table)
        try take("journal.by-eight", entriesPerTurn: 8, into: &table)
    }

    private static func take(
        _ name: String,
        entriesPerTurn: Int,
        into table: inout Table
    ) throws {
        let disk = CountingDisk(SimulatedDisk(seed: 1))
        let stage = try stage(on: disk)
        var puts = PutStream(
            of: Caller(tenant: TenantID(1), session: .max / 3),
            .random,
            keyCount: 100_000
        )
        var log = EntryStream(cluster: identity.cluster)
        var written: UInt64 = 0
        var entryBytes = 0
        disk.reset()
        for _ in 0..<entries / entriesPerTurn {
            var events: [JournalEvent] = []
            for _ in 0..<entriesPerTurn {
                let entry = log.next(puts.next(commandsPerEntry))
                entryBytes += entry.bytes.count
                written += 1
                events.append(.write(PersistNumber(written), [.entry(entry)]))
            }
            var results: [JournalResult] = []
            try stage.turn(&events, into: &results)
            try stage.followUp()
        }
        let tally = disk.tally(of: "journal")
        let commands = entries * commandsPerEntry
        table.add("\(name).syncs-per-entry", tally.syncs, per: entries)
        table.add("\(name).calls-per-entry", tally.calls, per: entries)
        table.add("\(name).bytes-per-command", tally.writtenBytes, per: commands)
        table.add("\(name).prepared-bytes-per-command", tally.preparedBytes, per: commands)
        if entriesPerTurn == 1 { table.add("entry.bytes-per-command", entryBytes, per: commands) }
    }

    private static func stage(on disk: CountingDisk) throws -> JournalStage {
        try Journal.format(
            directory: "/journal",
            on: disk,
            identity: identity,
            settings: settings,
            seed: 1
        )
        let (journal, _) = try Journal.open(
            directory: "/journal",
            on: disk,
            identity: identity,
            settings: settings,
            seed: 2
        )
        return JournalStage(journal: journal)
    }
}
