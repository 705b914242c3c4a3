import Benchmark
import RaftCore

/// Three members whose messages are delivered at once: what one committed entry costs Raft itself.
private struct Trio {
    var members: [Raft]
    private var effects = Effects()
    private var waiting: [Message] = []

    init() {
        let ids = [1, 2, 3].map { NodeID($0) }
        let members = ids.map { id in
            Member(
                id: id,
                incarnation: Incarnation(high: 0, low: id.value),
                role: .voter,
                site: "",
                peerAddress: "",
                clientAddress: "",
                administrationAddress: ""
            )
        }
        let founding = EntryHeader(
            position: LogPosition(index: LogIndex(1), term: Term(1)),
            kind: .configuration(Configuration(members: members, featureLevel: 1)),
            size: 300,
            hash: EntryHash(1, 0, 0, 0)
        )
        self.members = ids.map { id in
            Raft(
                group: .directory,
                id: id,
                hardState: HardState(term: Term(1), vote: .none),
                headers: [founding],
                appliedThrough: .zero,
                timing: .standard,
                seed: id.value
            )
        }
        while !self.members[0].isLeader || !self.members[0].canPropose { step(0, .tick) }
    }

    /// Proposes one entry and delivers everything until nothing is left to say.
    mutating func commit() {
        step(0, .propose(next(of: .commands)))
        precondition(members[0].commitIndex == members[0].lastPosition.index)
    }

    private func next(of kind: EntryKind) -> EntryHeader {
        let index = members[0].lastPosition.index.next
        return EntryHeader(
            position: LogPosition(index: index, term: members[0].term),
            kind: kind,
            size: 400,
            hash: EntryHash(index.value, members[0].term.value, 0, 0)
        )
    }

    private mutating func step(_ member: Int, _ input: Input) {
        take(member, input)
        var place = 0
        while place < waiting.count {
            let message = waiting[place]
            place += 1
            take(Int(message.to.value) - 1, .received(message))
        }
        waiting.removeAll(keepingCapacity: true)
    }

    private mutating func take(_ member: Int, _ input: Input) {
        effects.removeAll()
        members[member].step(input, into: &effects)
        waiting.append(contentsOf: effects.messages)
        let promises = effects.messagesAfterPersist.map(\.message)
        let wanted = effects.wantedEntry
        if let last = effects.persists.last {
            take(member, .persisted(last.number))
        }
        waiting.append(contentsOf: promises)
        if let wanted { take(member, .propose(next(of: wanted))) }
    }
}

let benchmarks: @Sendable () -> Void = {
    Benchmark.defaultConfiguration = .init(
        metrics: [.wallClock, .throughput],
        timeUnits: .nanoseconds,
        scalingFactor: .kilo
    )

    Benchmark("one entry committed by three members") { benchmark in
        var trio = Trio()
        benchmark.startMeasurement()
        for _ in benchmark.scaledIterations { trio.commit() }
    }
}
