@testable import RaftCore

/// A few members, their disks and the network between them: one value, so that tests may branch it.
///
/// Nothing happens by itself: messages wait in `network`, writes in a node's `writes`, promises in
/// its `promises`, until the test lets them go. A crash loses all but the disk. Every step is
/// checked against the safety properties of Raft's figure 3; the first breach stays in `breach`.
struct Cluster: Hashable {
    struct Write: Hashable {
        var persist: Persist
        var headers: [EntryHeader]
    }

    struct Disk: Hashable {
        var hardState: HardState
        /// What stands before `headers`.
        var start = LogStart.beginning
        var headers: [EntryHeader]
        /// Where the state machine stands after a crash; behind what was applied in memory.
        var appliedThrough: LogIndex = .zero
    }

    struct Node: Hashable {
        var raft: Raft
        var disk: Disk
        var writes: [Write] = []
        var promises: [DeferredMessage] = []
        var appliedThrough: LogIndex = .zero
        var isUp = true
    }

    struct Leader: Hashable {
        var term: Term
        var id: NodeID
    }

    struct Committed: Hashable {
        var hash: EntryHash
        /// The term of who first knew it.
        var term: Term
    }

    struct Read: Hashable {
        var id: RequestID
        /// What was committed anywhere when it was asked.
        var floor: Int
    }

    struct Need: Hashable {
        var leader: Int
        var peer: NodeID
    }

    var nodes: [Node]
    var network: [Message] = []
    var leaders: [Leader] = []
    var committed: [Committed] = []
    var reads: [Read] = []
    var grants: [ReadGrant] = []
    var refusedReads: [RequestID] = []
    var refusals: [ProposalRefusal] = []
    /// Snapshots that leaders found their peers to need.
    var neededSnapshots: [Need] = []
    var breach: String?
    /// How many founded it.
    let founders: Int
    /// The founder that keeps no state, if there is one.
    let witness: Int?
    private let timing: Timing
    private var nextSeed: UInt64
    private var nextPayload: UInt64 = 1

    /// Short enough for transcripts.
    static let quick = Timing(heartbeatTicks: 1, minimumElectionTicks: 4, maximumElectionTicks: 8)

    /// `logs` gives each node's terms after the configuration entry at index 1, all durable.
    init(
        logs: [[UInt64]],
        terms: [UInt64]? = nil,
        size: Int = 10,
        timing: Timing = Cluster.quick,
        seed: UInt64 = 1,
        witness: Int? = nil
    ) {
        self.timing = timing
        self.witness = witness
        founders = logs.count
        nextSeed = seed
        let founding = Cluster.founding(voters: logs.count, witness: witness)
        nodes = []
        for (place, log) in logs.enumerated() {
            let headers = Cluster.log(founding, log, size: size)
            let term = Term(terms?[place] ?? headers.last?.term.value ?? 0)
            let disk = Disk(hardState: HardState(term: term, vote: .none), headers: headers)
            nodes.append(Node(raft: raft(place, disk), disk: disk))
            nextSeed += 1
        }
    }

    init(voters: Int, timing: Timing = Cluster.quick, seed: UInt64 = 1, witness: Int? = nil) {
        let logs: [[UInt64]] = Array(repeating: [], count: voters)
        self.init(logs: logs, timing: timing, seed: seed, witness: witness)
    }

    private func raft(_ place: Int, _ disk: Disk) -> Raft {
        Raft(
            group: .directory,
            id: NodeID(UInt64(place) + 1),
            keepsState: place + 1 != witness,
            hardState: disk.hardState,
            start: disk.start,
            headers: disk.headers,
            appliedThrough: max(disk.appliedThrough, disk.start.position.index),
            timing: timing,
            seed: nextSeed
        )
    }

    static func configuration(voters: Int, witness: Int? = nil) -> Configuration {
        Configuration(
            members: (1...voters).map { number in
                Member(
                    id: NodeID(UInt64(number)),
                    incarnation: Incarnation(high: 0, low: UInt64(number)),
                    role: number == witness ? .witness : .voter,
                    site: "",
                    peerAddress: "",
                    clientAddress: "",
                    administrationAddress: ""
                )
            },
            featureLevel: 1
        )
    }

    static func founding(voters: Int, witness: Int? = nil) -> EntryHeader {
        EntryHeader(
            position: LogPosition(index: LogIndex(1), term: .zero),
            kind: .configuration(configuration(voters: voters, witness: witness)),
            size: 100,
            hash: EntryHash(7, 0, 0, 0)
        )
    }

    /// The founding entry, then one entry for each term.
    ///
    /// Equal terms from the start, equal hashes.
    static func log(
        _ founding: EntryHeader,
        _ terms: [UInt64],
        size: Int = 10
    ) -> [EntryHeader] {
        var headers = [founding]
        for term in terms {
            let position = LogPosition(
                index: LogIndex(UInt64(headers.count) + 1),
                term: Term(term)
            )
            let hash = chain(headers[headers.count - 1].hash, position, payload: 0)
            headers.append(EntryHeader(position: position, kind: .commands, size: size, hash: hash))
        }
        return headers
    }

    /// Stands for SHA-256 over the chain.
    static func chain(_ hash: EntryHash, _ position: LogPosition, payload: UInt64) -> EntryHash {
        var mixer = Generator(
            seed: hash.words.0 &+ position.index.value &* 0x1_0001 &+ position.term.value << 32
                &+ payload &* 0x9E37_79B9
        )
        return EntryHash(mixer.next(), 0, 0, 0)
    }

    /// A member's Raft over what its disk holds.
    mutating func makeRaft(_ place: Int, _ disk: Disk) -> Raft {
        nextSeed += 1
        return raft(place, disk)
    }

    // MARK: What a test may let happen

    subscript(id: Int) -> Raft { nodes[id - 1].raft }

    @discardableResult
    mutating func step(_ id: Int, _ input: Input) -> Effects {
        var effects = Effects()
        guard nodes[id - 1].isUp else { return effects }
        nodes[id - 1].raft.step(input, into: &effects)
        take(effects, of: id - 1)
        check(id - 1)
        if let wanted = effects.wantedEntry, self[id].isLeader { propose(id, kind: wanted) }
        return effects
    }

    @discardableResult
    mutating func propose(_ id: Int, kind: EntryKind = .commands, size: Int = 10) -> LogPosition {
        let raft = self[id]
        let position = LogPosition(index: raft.lastPosition.index.next, term: raft.term)
        let hash = Self.chain(raft.lastHash, position, payload: nextPayload)
        nextPayload += 1
        step(id, .propose(EntryHeader(position: position, kind: kind, size: size, hash: hash)))
        return position
    }

    mutating func read(_ id: Int, _ request: UInt64) {
        reads.append(Read(id: RequestID(request), floor: committed.count))
        step(id, .readIndex(RequestID(request)))
    }

    /// Ticks one node until it stands for election; says whether it did.
    @discardableResult
    mutating func campaign(_ id: Int) -> Bool {
        for _ in 0...timing.maximumElectionTicks {
            let effects = step(id, .tick)
            let asks = effects.messages + effects.messagesAfterPersist.map(\.message)
            for message in asks {
                if case .requestVote = message.body { return true }
            }
            if effects.persists.contains(where: { $0.hardState != nil }) { return true }
        }
        return false
    }

    /// Delivers the message at a place of the network; keeps it there if it is to come twice.
    mutating func deliver(_ place: Int, again: Bool = false) {
        let message = again ? network[place] : network.remove(at: place)
        step(Int(message.to.value), .received(message))
    }

    /// Makes the oldest write durable, and lets go the promises that waited for it.
    @discardableResult
    mutating func persistOne(_ id: Int) -> Bool {
        guard nodes[id - 1].isUp, !nodes[id - 1].writes.isEmpty else { return false }
        let write = nodes[id - 1].writes.removeFirst()
        nodes[id - 1].disk.apply(write)
        while let promise = nodes[id - 1].promises.first, promise.number <= write.persist.number {
            nodes[id - 1].promises.removeFirst()
            post(promise.message, from: id - 1)
        }
        step(id, .persisted(write.persist.number))
        return true
    }

    mutating func persistAll(_ id: Int) { while persistOne(id) {} }

    /// The process ends; the disk stays.
    mutating func crash(_ id: Int) {
        nodes[id - 1].isUp = false
        nodes[id - 1].writes = []
        nodes[id - 1].promises = []
    }

    mutating func restart(_ id: Int) {
        precondition(!nodes[id - 1].isUp)
        nodes[id - 1].isUp = true
        let disk = nodes[id - 1].disk
        nodes[id - 1].appliedThrough = max(disk.appliedThrough, disk.start.position.index)
        nodes[id - 1].raft = raft(id - 1, nodes[id - 1].disk)
        nextSeed += 1
    }

    /// Lets writes and messages go until nothing is on its way; drops what `isLost` says.
    mutating func settle(dropping isLost: (Message) -> Bool = { _ in false }) {
        for _ in 0..<10_000 {
            for id in 1...nodes.count { persistAll(id) }
            guard let message = network.first else { return }
            network.removeFirst()
            if !isLost(message) { step(Int(message.to.value), .received(message)) }
        }
        breach = breach ?? "the cluster never settles"
    }

    /// Elects a node by time alone, and lets its no-op be committed and known everywhere.
    mutating func elect(_ id: Int) {
        for other in 1...nodes.count where other != id && nodes[other - 1].isUp {
            nodes[other - 1].raft.electionElapsed = timing.minimumElectionTicks
        }
        campaign(id)
        settle()
        step(id, .tick)
        settle()
    }

    // MARK: What a node does with effects

    private mutating func take(_ effects: Effects, of place: Int) {
        for persist in effects.persists {
            var headers: [EntryHeader] = []
            if let range = persist.entries {
                headers = range.map { index in
                    guard let header = nodes[place].raft.header(at: index) else {
                        preconditionFailure("no header at \(index)")
                    }
                    return header
                }
            }
            nodes[place].writes.append(Write(persist: persist, headers: headers))
        }
        for message in effects.messages { post(message, from: place) }
        for promise in effects.messagesAfterPersist {
            if let last = nodes[place].promises.last, last.number > promise.number {
                breach = breach ?? "promises of node \(place + 1) are out of order"
            }
            nodes[place].promises.append(promise)
        }
        if let start = effects.installed { nodes[place].appliedThrough = start.position.index }
        if let range = effects.committed {
            if range.lowerBound != nodes[place].appliedThrough.next {
                breach = breach ?? "node \(place + 1) is given \(range) to apply, out of order"
            }
            nodes[place].appliedThrough = range.upperBound
        }
        if let held = effects.heldByAll { forget(through: held, at: place + 1) }
        neededSnapshots += effects.neededSnapshots.map { Need(leader: place + 1, peer: $0) }
        for grant in effects.grantedReads {
            grants.append(grant)
            let floor = reads.first { $0.id == grant.id }?.floor ?? 0
            if grant.index.value < UInt64(floor) {
                breach = breach ?? "read at \(grant.index), but \(floor) was committed before"
            }
        }
        refusedReads += effects.refusedReads
        refusals += effects.refusals
        if let alarm = effects.alarm { breach = breach ?? "\(alarm)" }
    }

    /// Puts a message on the network; what it promises must be on the sender's disk (figure 2:
    /// "updated on stable storage before responding").
    private mutating func post(_ message: Message, from place: Int) {
        network.append(message)
        let disk = nodes[place].disk
        switch message.body {
        case .requestVote(let request):
            if request.purpose != .preVote, disk.hardState.term < message.term {
                breach = breach ?? "\(message) leaves before its term is durable"
            }
        case .requestVoteReply(let reply):
            if reply.isGranted, reply.purpose != .preVote,
                disk.hardState.term < message.term
                    || (disk.hardState.term == message.term && disk.hardState.vote != message.to)
            {
                breach = breach ?? "\(message) leaves before its vote is durable"
            }
        case .appendEntriesReply(let reply):
            guard case .accepted(let match) = reply.outcome,
                disk.hardState.term <= message.term
            else { return }
            if match <= disk.start.position.index { return }
            let durable = disk.header(at: match)?.hash
            if durable == nil || durable != nodes[place].raft.header(at: match)?.hash {
                // The entry may have been replaced in memory since: then the term has moved on.
                if nodes[place].raft.term == message.term {
                    breach = breach ?? "\(message) leaves before its entry is durable"
                }
            }
        case .appendEntries, .heartbeat, .heartbeatReply, .timeoutNow, .readIndex,
            .readIndexReply, .heldByAll:
            if disk.hardState.term < message.term {
                breach = breach ?? "\(message) leaves before its term is durable"
            }
        }
    }
}

extension Cluster.Disk {
    mutating func apply(_ write: Cluster.Write) {
        if let start = write.persist.start {
            self.start = start
            headers = []
        }
        if let place = write.persist.truncateFrom {
            headers.removeSubrange((start.position.index.distance(to: place) - 1)...)
        }
        headers += write.headers
        if let state = write.persist.hardState { hardState = state }
    }

    func header(at index: LogIndex) -> EntryHeader? {
        let place = start.position.index.distance(to: index) - 1
        return headers.indices.contains(place) ? headers[place] : nil
    }

    /// Forgets what is compacted.
    mutating func compact(to start: LogStart) {
        headers.removeFirst(self.start.position.index.distance(to: start.position.index))
        self.start = start
    }
}

/// Raft figure 3, after every step of a node.
extension Cluster {
    private mutating func check(_ place: Int) {
        let raft = nodes[place].raft
        if raft.isLeader { checkLeader(raft) }
        var index = LogIndex(UInt64(committed.count) + 1)
        // What somebody committed before must be the same here.
        let known = min(raft.commitIndex, LogIndex(UInt64(committed.count)))
        if known > .zero, raft.log.hash(at: known) != committed[Int(known.value) - 1].hash {
            breach = breach ?? "node \(place + 1) commits another entry at \(known)"
        }
        while index <= raft.commitIndex, let header = raft.header(at: index) {
            committed.append(Committed(hash: header.hash, term: raft.term))
            index = index.next
        }
    }

    /// Election safety and leader completeness.
    private mutating func checkLeader(_ raft: Raft) {
        if let known = leaders.last(where: { $0.term == raft.term }) {
            if known.id != raft.id { breach = breach ?? "two leaders in term \(raft.term)" }
            return
        }
        leaders.append(Leader(term: raft.term, id: raft.id))
        leaders.sort { $0.term < $1.term }
        for (place, entry) in committed.enumerated() where entry.term < raft.term {
            let index = LogIndex(UInt64(place) + 1)
            guard index >= raft.log.base.index else { continue }
            if raft.log.hash(at: index) != entry.hash {
                breach = breach ?? "the leader of term \(raft.term) lacks the committed \(index)"
            }
        }
    }

    /// Log matching: equal position, equal chain hash, which stands for all before it.
    mutating func checkLogMatching() {
        for left in nodes.indices {
            for right in nodes.indices where right > left {
                let mine = nodes[left].raft
                let other = nodes[right].raft
                var index = min(mine.lastPosition.index, other.lastPosition.index)
                while index > .zero {
                    guard let one = mine.header(at: index), let two = other.header(at: index)
                    else { return }
                    if one.term == two.term {
                        if one.hash != two.hash {
                            breach =
                                breach ?? "\(one.position) differs on \(left + 1), \(right + 1)"
                        }
                        break
                    }
                    index = index.previous
                }
            }
        }
    }

    /// The terms of a node's log after the founding entry.
    func terms(_ id: Int) -> [UInt64] {
        var terms: [UInt64] = []
        var index = max(LogIndex(2), self[id].log.base.index.next)
        while let header = self[id].header(at: index) {
            terms.append(header.term.value)
            index = index.next
        }
        return terms
    }
}
