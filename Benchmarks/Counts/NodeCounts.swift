import BenchmarkLoad
import CadastreNode
import CadastreProtocol

/// Three whole nodes under closed loops: what each request costs in frames between them, in turns of
/// their stages and in the journal.
enum NodeCounts {
    static func take(into table: inout Table) throws {
        try takePuts("node.64-clients", clients: 64, commands: 32_768, into: &table)
        try takePuts("node.1-client", clients: 1, commands: 1_024, into: &table)
        try takeReads("node.64-readers", clients: 64, queries: 32_768, into: &table)
    }

    private static func takePuts(
        _ name: String,
        clients: Int,
        commands: Int,
        into table: inout Table
    ) throws {
        let cluster = try MemoryCluster()
        let caller = try Caller { try perform($0, on: cluster) }
        var puts = PutStream(of: caller, .random, keyCount: 100_000)
        let answered = try loop(cluster, clients: clients, requests: commands) { waiting in
            cluster.send(waiting.map { (UInt64($0), puts.next(inSlot: $0)) })
        }
        let tally = cluster.leaderDisk.tally(of: "journal")
        table.add("\(name).frames-per-1000-commands", cluster.work.frames * 1_000, per: answered)
        table.add("\(name).frame-bytes-per-command", cluster.work.frameBytes, per: answered)
        table.add("\(name).turns-per-1000-commands", cluster.work.turns * 1_000, per: answered)
        table.add("\(name).syncs-per-1000-commands", tally.syncs * 1_000, per: answered)
        table.add("\(name).journal-bytes-per-command", tally.writtenBytes, per: answered)
    }

    private static func takeReads(
        _ name: String,
        clients: Int,
        queries: Int,
        into table: inout Table
    ) throws {
        let cluster = try MemoryCluster()
        let caller = try Caller { try perform($0, on: cluster) }
        var puts = PutStream(of: caller, .ascending, keyCount: clients)
        for _ in 0..<clients { _ = try perform(puts.next(), on: cluster) }
        let answered = try loop(cluster, clients: clients, requests: queries) { waiting in
            let queries = waiting.map { client in
                (UInt64(client), Query.getObject(bucket: Caller.bucket, key: PutStream.key(client)))
            }
            cluster.ask(queries, by: caller)
        }
        table.add("\(name).frames-per-1000-queries", cluster.work.frames * 1_000, per: answered)
        table.add("\(name).turns-per-1000-queries", cluster.work.turns * 1_000, per: answered)
    }

    /// Lets clients send, each its next request as soon as it has the reply to the last, until so many
    /// are answered; the first tenth is not counted.
    private static func loop(
        _ cluster: MemoryCluster,
        clients: Int,
        requests: Int,
        _ send: (_ waiting: [Int]) -> Void
    ) throws -> Int {
        var waiting = Array(0..<clients)
        func run(_ count: Int) throws -> Int {
            var answered = 0
            while answered < count {
                if !waiting.isEmpty { send(waiting) }
                waiting = try cluster.round().map { reply in
                    requireDone(reply)
                    return Int(reply.key.request)
                }
                answered += waiting.count
            }
            return answered
        }
        _ = try run(requests / 10)
        cluster.reset()
        return try run(requests)
    }

    /// Does one command while nothing else goes on.
    private static func perform(
        _ command: CommandEnvelope,
        on cluster: MemoryCluster
    ) throws -> Reply {
        cluster.send([(.max, command)])
        for _ in 0..<1_000 {
            for reply in try cluster.round() {
                if case .command(let content) = reply.content { return content }
            }
        }
        preconditionFailure("nobody answers")
    }

    private static func requireDone(_ reply: OutgoingReply) {
        switch reply.content {
        case .command(let content) where content.refusal == nil: break
        case .answer, .page: break
        case .command, .digest, .transferred, .memberPlan, .policyPlan, .forbidden, .refused,
            .unknown:
            preconditionFailure("a request is not done: \(reply)")
        }
    }
}
