@testable import RaftCore

/// Runs the commands of a script against a cluster and writes down all that comes of them.
///
/// ```
/// nodes 3                          a cluster
/// logs 1,1 1,1,2 , [terms=2,2,2]   one with these entries after the founding one
/// elect N                          leads, with its no-op known everywhere; not written down
/// campaign N | tick N [COUNT]      time for one node, until it stands or COUNT times
/// quiet                            all have heard nothing for an election timeout
/// propose N [SIZE] | read N ID     to one node
/// transfer N TO | gone N PEER | back N PEER
/// persist N [one]                  writes become durable, all or the oldest
/// deliver [TO] [drop=A,B] [kind=K] what is in flight now arrives, once; that of the dropped is lost
/// drop [TO] [kind=K]               it is lost instead
/// settle [drop=A,B] [hold=C]       persist (but not C) and deliver until nothing is on its way
/// crash N | restart N | state
/// join                             one more node, with nothing but the founding entry
/// change N voters=A,B learners=C   the leader is asked for a configuration
/// compact N | install N FROM       its log, through what it applied; FROM's base as a snapshot
/// lost N PEER                      the snapshot for the peer did not arrive
/// - COMMAND                        the command, without its transcript
/// ```
struct Script {
    private var cluster = Cluster(voters: 1)
    private(set) var transcript = ""
    private(set) var problems: [String] = []

    mutating func run(_ line: String) {
        if line.hasPrefix("- ") {
            let kept = transcript
            run(String(line.dropFirst(2)))
            transcript = kept
            return
        }
        let words = line.split(separator: " ").map(String.init)
        guard let verb = words.first else { return }
        transcript += "> \(line)\n"
        let plain = words.dropFirst().filter { !$0.contains("=") }
        let numbers = plain.compactMap { Int($0) }
        let first = numbers.first ?? 0
        switch (verb, numbers.count) {
        case ("nodes", 1): cluster = Cluster(voters: first)
        case ("logs", _):
            let terms = list("terms", words).compactMap { UInt64($0) }
            cluster = Cluster(
                logs: plain.map { log in log.split(separator: ",").compactMap { UInt64($0) } },
                terms: terms.isEmpty ? nil : terms
            )
        case ("elect", 1):
            cluster.elect(first)
            say(first, "is \(cluster[first].role) of term \(cluster[first].term)")
        case ("campaign", 1):
            for _ in 0...Cluster.quick.maximumElectionTicks {
                let role = cluster[first].role
                let term = cluster[first].term
                show(first, .tick)
                if cluster[first].role == .preCandidate && role != .preCandidate { break }
                if cluster[first].term != term { break }
            }
        case ("tick", _):
            for _ in 0..<(numbers.count > 1 ? numbers[1] : 1) { show(first, .tick) }
        case ("quiet", 0):
            for place in cluster.nodes.indices {
                cluster.nodes[place].raft.electionElapsed = Cluster.quick.minimumElectionTicks
            }
        case ("propose", _): propose(first, size: numbers.count > 1 ? numbers[1] : 10)
        case ("read", 2): show(first, .readIndex(RequestID(UInt64(numbers[1]))))
        case ("transfer", 2): show(first, .transferLeadership(to: NodeID(UInt64(numbers[1]))))
        case ("gone", 2): show(first, .peerIsGone(NodeID(UInt64(numbers[1]))))
        case ("back", 2): show(first, .peerIsBack(NodeID(UInt64(numbers[1]))))
        case ("persist", 1): persist(first, all: !words.contains("one"))
        case ("deliver", _): deliver(to: numbers.first, options: words, lose: false)
        case ("drop", _): deliver(to: numbers.first, options: words, lose: true)
        case ("settle", 0): settle(options: words)
        case ("crash", 1): cluster.crash(first)
        case ("restart", 1): cluster.restart(first)
        case ("state", 0): state()
        case ("join", 0): say(cluster.join(), "knows the founding entry")
        case ("change", 1): change(first, options: words)
        case ("compact", 1):
            cluster.compact(first)
            say(first, "begins after \(cluster[first].log.base)")
        case ("install", 2): show(first, .installSnapshot(cluster[numbers[1]].log.start))
        case ("lost", 2): show(first, .snapshotFailed(NodeID(UInt64(numbers[1]))))
        default: problems.append("not understood: \(line)")
        }
        cluster.checkLogMatching()
        if let breach = cluster.breach { problems.append("\(line): \(breach)") }
    }

    // MARK: Commands

    private mutating func propose(_ id: Int, size: Int) {
        let refused = cluster.refusals.count
        let position = cluster.propose(id, size: size)
        if let refusal = cluster.refusals.dropFirst(refused).first {
            say(id, "refuses \(position): \(refusal.reason)")
        } else {
            say(id, "appends \(position)")
        }
    }

    private mutating func change(_ id: Int, options: [String]) {
        let target = Cluster.configuration(
            voters: list("voters", options).compactMap { Int($0) },
            learners: list("learners", options).compactMap { Int($0) }
        )
        if let refusal = cluster[id].refusal(ofChangeTo: target) {
            say(id, "refuses: \(refusal)")
        } else {
            show(id, .changeConfiguration(to: target))
        }
    }

    private mutating func persist(_ id: Int, all: Bool) {
        let before = cluster
        if all { cluster.persistAll(id) } else { cluster.persistOne(id) }
        report(id, since: before)
    }

    private mutating func deliver(to: Int?, options: [String], lose: Bool) {
        let dropped = list("drop", options)
        let kinds = list("kind", options)
        let waiting = cluster.network
        cluster.network = []
        var kept: [Message] = []
        for message in waiting {
            let isKind = kinds.isEmpty || kinds.contains(Self.kind(message.body))
            guard isKind, to == nil || message.to.value == UInt64(to ?? 0) else {
                kept.append(message)
                continue
            }
            let parties = ["\(message.from)", "\(message.to)"]
            if lose || dropped.contains(where: parties.contains) {
                transcript += "  lost \(Self.describe(message))\n"
            } else {
                arrive(message)
            }
        }
        cluster.network = kept + cluster.network
    }

    private mutating func settle(options: [String]) {
        let dropped = list("drop", options)
        let held = list("hold", options)
        for _ in 0..<1_000 {
            for id in 1...cluster.nodes.count
            where !cluster.nodes[id - 1].writes.isEmpty && !held.contains("\(id)") {
                persist(id, all: true)
            }
            guard !cluster.network.isEmpty else { return }
            let message = cluster.network.removeFirst()
            if dropped.contains("\(message.from)") || dropped.contains("\(message.to)") { continue }
            arrive(message)
        }
        problems.append("never settles")
    }

    private mutating func arrive(_ message: Message) {
        transcript += "  \(Self.describe(message))\n"
        show(Int(message.to.value), .received(message))
    }

    private mutating func state() {
        for (place, node) in cluster.nodes.enumerated() {
            let raft = node.raft
            let base = raft.log.base
            let terms = cluster.terms(place + 1).map { "\($0)" }
            let log = ([base == .zero ? "0" : "…\(base)"] + terms).joined(separator: " ")
            transcript +=
                "  \(place + 1) \(node.isUp ? "\(raft.role)" : "down") term \(raft.term)"
                + " vote \(raft.hardState.vote) commit \(raft.commitIndex)"
                + " durable \(raft.persistedIndex) log [\(log)]\n"
            for peer in raft.peers {
                transcript +=
                    "      \(peer.id): match \(peer.matchIndex) next \(peer.nextIndex)"
                    + " \(peer.state) inflight \(peer.inflightCount)\n"
            }
        }
    }

    // MARK: The transcript

    private mutating func show(_ id: Int, _ input: Input) {
        let before = cluster
        cluster.step(id, input)
        report(id, since: before)
    }

    private mutating func report(_ id: Int, since before: Cluster) {
        let old = before.nodes[id - 1]
        let node = cluster.nodes[id - 1]
        let change = (old.raft.role, old.raft.term, old.raft.leader)
        if change != (node.raft.role, node.raft.term, node.raft.leader) {
            say(id, "is \(node.raft.role) of term \(node.raft.term), leader \(node.raft.leader)")
        }
        if old.raft.configuration != node.raft.configuration {
            say(id, "follows \(Self.describe(node.raft.configuration))")
        }
        let known = Set(old.writes.map(\.persist.number.value))
        for write in node.writes where !known.contains(write.persist.number.value) {
            say(id, "writes \(Self.describe(write.persist))")
        }
        for message in cluster.network.dropFirst(before.network.count) {
            say(id, "sends \(Self.describe(message))")
        }
        for promise in node.promises where !old.promises.contains(promise) {
            say(id, "promises after #\(promise.number.value) \(Self.describe(promise.message))")
        }
        if node.appliedThrough > old.appliedThrough {
            say(id, "applies through \(node.appliedThrough)")
        }
        for need in cluster.neededSnapshots.dropFirst(before.neededSnapshots.count) {
            say(id, "has to send \(need.peer) a snapshot")
        }
        for grant in cluster.grants.dropFirst(before.grants.count) {
            say(id, "grants read \(grant.id.value) at \(grant.index)")
        }
        for request in cluster.refusedReads.dropFirst(before.refusedReads.count) {
            say(id, "refuses read \(request.value)")
        }
    }

    private mutating func say(_ id: Int, _ text: String) { transcript += "    \(id) \(text)\n" }

    private func list(_ name: String, _ options: [String]) -> [String] {
        for option in options where option.hasPrefix(name + "=") {
            return option.dropFirst(name.count + 1).split(separator: ",").map(String.init)
        }
        return []
    }

    private static func describe(_ configuration: Configuration) -> String {
        func text(_ ids: [NodeID]) -> String { ids.map { "\($0)" }.joined(separator: " ") }
        let learners = configuration.members.filter { $0.role == .learner }.map(\.id)
        return "voters [\(text(configuration.voters))]"
            + (learners.isEmpty ? "" : " learners [\(text(learners))]")
            + (configuration.outgoing.isEmpty ? "" : " leaving [\(text(configuration.outgoing))]")
    }

    private static func describe(_ persist: Persist) -> String {
        var text = "#\(persist.number.value)"
        if let start = persist.start { text += " log begins after \(start.position)" }
        if let place = persist.truncateFrom { text += " truncate \(place)" }
        if let range = persist.entries {
            text += " entries \(range.lowerBound)...\(range.upperBound.previous)"
        }
        if let state = persist.hardState { text += " term \(state.term) vote \(state.vote)" }
        return text
    }

    private static func kind(_ body: MessageBody) -> String {
        switch body {
        case .requestVote: "vote"
        case .requestVoteReply: "voteReply"
        case .appendEntries: "append"
        case .appendEntriesReply: "appendReply"
        case .heartbeat: "heartbeat"
        case .heartbeatReply: "heartbeatReply"
        case .timeoutNow: "timeoutNow"
        case .readIndex: "readIndex"
        case .readIndexReply: "readIndexReply"
        case .heldByAll: "heldByAll"
        }
    }

    private static func describe(_ message: Message) -> String {
        let head = "\(message.from)→\(message.to) t\(message.term) "
        switch message.body {
        case .requestVote(let request):
            let gone = request.leaderIsGone ? ", leader is gone" : ""
            return head + "\(request.purpose)? last \(request.last)\(gone)"
        case .requestVoteReply(let reply):
            return head + "\(reply.purpose) \(reply.isGranted ? "yes" : "no")"
        case .appendEntries(let append):
            let entries = append.entries.map { "\($0.position)" }.joined(separator: " ")
            return head
                + "append after \(append.previous) [\(entries)] commit \(append.commitIndex)"
        case .appendEntriesReply(let reply):
            switch reply.outcome {
            case .accepted(let match): return head + "accepted through \(match)"
            case .rejected(let previous, let hint):
                return head + "rejected after \(previous), perhaps \(hint)"
            }
        case .heartbeat(let heartbeat):
            return head + "heartbeat commit \(heartbeat.commitIndex) round \(heartbeat.readRound)"
        case .heartbeatReply(let reply): return head + "heartbeat heard, round \(reply.readRound)"
        case .timeoutNow: return head + "timeout now"
        case .readIndex: return head + "read index?"
        case .readIndexReply(let reply): return head + "read index \(reply.index)"
        case .heldByAll(let held): return head + "all hold \(held.through)"
        }
    }
}
