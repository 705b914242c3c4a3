import BenchmarkLoad
import CadastreProtocol

/// Three whole nodes under a closed loop: what each put costs in frames between them, in turns of
/// their stages and in the journal.
enum NodeCounts {
    static func take(into table: inout Table) throws {
        try take("node.64-clients", clients: 64, commands: 32_768, into: &table)
        try take("node.1-client", clients: 1, commands: 1_024, into: &table)
    }

    private static func take(
        _ name: String,
        clients: Int,
        commands: Int,
        into table: inout Table
    ) throws {
        let cluster = try MemoryCluster()
        let caller = try Caller { try perform($0, on: cluster) }
        var puts = PutStream(of: caller, .random, keyCount: 100_000)
        var waiting = Array(0..<clients)
        // The first tenth, and what is under way then, is not counted.
        try run(cluster, commands / 10, &waiting, &puts)
        cluster.reset()
        let answered = try run(cluster, commands, &waiting, &puts)

        let tally = cluster.leaderDisk.tally(of: "journal")
        table.add("\(name).frames-per-1000-commands", cluster.work.frames * 1_000, per: answered)
        table.add("\(name).frame-bytes-per-command", cluster.work.frameBytes, per: answered)
        table.add("\(name).turns-per-1000-commands", cluster.work.turns * 1_000, per: answered)
        table.add("\(name).syncs-per-1000-commands", tally.syncs * 1_000, per: answered)
        table.add("\(name).journal-bytes-per-command", tally.writtenBytes, per: answered)
    }

    /// Lets clients send, each its next put as soon as it has the reply to the last, until so many
    /// are answered; `waiting` are those that have nothing under way, by the slots they use.
    @discardableResult
    private static func run(
        _ cluster: MemoryCluster,
        _ commands: Int,
        _ waiting: inout [Int],
        _ puts: inout PutStream
    ) throws -> Int {
        var answered = 0
        while answered < commands {
            if !waiting.isEmpty {
                cluster.send(waiting.map { (UInt64($0), puts.next(inSlot: $0)) })
            }
            waiting = try cluster.round().map { Int($0.request) }
            answered += waiting.count
        }
        return answered
    }

    private static func perform(
        _ command: CommandEnvelope,
        on cluster: MemoryCluster
    ) throws -> Reply {
        cluster.send([(.max, command)])
        for _ in 0..<1_000 {
            if let answer = try cluster.round().first { return answer.reply }
        }
        preconditionFailure("nobody answers")
    }
}
