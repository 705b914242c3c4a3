internal import CadastreDisk
internal import CadastreNode
internal import CadastreProtocol
internal import CadastreStorage
internal import RaftCore

/// A whole cluster in one thread, from one seed: the product's consensus, journal, recovery and
/// state machine, over simulated disks, links and clocks, with clients that remember what they were
/// told and checkers that look after every step.
///
/// What it does not simulate: sockets, TLS, the door, and disks that lose what was synced.
final class World {
    /// What is planned.
    enum Happening {
        case tick(Int, life: Int)
        case turn(Int, Stage, life: Int)
        case journalFinished(Int, [JournalResult], life: Int)
        case applyFinished(Int, AppliedReport?, life: Int)
        case peerMessage(from: Int, to: Int, [UInt8])
        case connection(Int, life: Int, of: Int, isUp: Bool)
        case request(Int, ConsensusEvent)
        case reply(OutgoingReply)
        case patienceEnds(attempt: Int)
        case nextRequest(client: Int, slot: Int)
        case start(Int)
        case fault
        case mend(Mending)
    }

    /// Through what a run goes.
    enum Phase: Equatable {
        /// Tenants, buckets and sessions are made, in a healthy world.
        case setUp
        /// Requests and faults, until then.
        case faults(until: UInt64)
        /// All is mended; what is open is finished, by then at the latest.
        case healing(until: UInt64)
        /// The clients compare everything with the model, by then at the latest.
        case comparing(until: UInt64)
        /// The nodes recompute their digests, by then at the latest.
        case digesting(until: UInt64)
        /// All is well.
        case done
    }

    let seed: UInt64
    let scenario: Scenario
    let genesis: Genesis
    var chance: Chance
    var story: Story
    var reach = Reach()
    var queue = EventQueue<Happening>()
    /// Virtual nanoseconds since the beginning.
    var now: UInt64 = 0
    var phase = Phase.setUp
    var nodes: [SimulatedNode] = []
    var network: SimulatedNetwork
    var clients: Clients
    /// Nodes whose digest is still to come.
    var digestsAwaited = 0
    /// A number that two runs of one seed share: everything that happened goes into it.
    var trace: UInt64 = 0xCBF2_9CE4_8422_2325

    var leaders = OneLeaderPerTerm()
    var matching = LogMatching()
    var committed: CommittedLog
    var agreement = StateAgreement()
    var progress: MonotonicProgress
    var monitor: PersistBeforeSend
    var history = ClientHistory()
    /// Every entry that was proposed, for the model; looked up, never iterated.
    var entries: [LogPosition: Entry] = [:]

    /// Draws a world.
    init(seed: UInt64, story: Story) {
        self.seed = seed
        self.story = story
        chance = Chance(seed: seed)
        scenario = Scenario(&chance, seed: seed)
        network = SimulatedNetwork(nodes: scenario.nodes, quality: SimulatedNetwork.Quality())
        clients = Clients(scenario)
        committed = CommittedLog(voters: scenario.nodes)
        progress = MonotonicProgress(nodes: scenario.nodes)
        monitor = PersistBeforeSend(nodes: scenario.nodes)
        var members: [Member] = []
        for place in 0..<scenario.nodes {
            let node = SimulatedNode(
                place: place,
                seed: chance.bits(),
                clockRate: scenario.clockRates[place],
                wallStart: scenario.wallStarts[place]
            )
            nodes.append(node)
            members.append(
                Member(
                    id: node.id,
                    incarnation: Incarnation(high: chance.bits(), low: chance.bits()),
                    role: .voter,
                    site: "fr/site-\(place + 1)",
                    peerAddress: "peer-\(place + 1):1",
                    clientAddress: "client-\(place + 1):1",
                    administrationAddress: "admin-\(place + 1):1"
                )
            )
        }
        genesis = Genesis(
            clusterName: "simulated",
            cluster: ClusterID(high: chance.bits(), low: chance.bits()),
            members: members
        )
    }

    /// Lives through all phases.
    ///
    /// - Throws: The first violation.
    func run() throws(Violation) {
        do throws(Violation) {
            try found()
            while phase != .done {
                guard let next = queue.next() else {
                    throw Violation(.liveness, "nothing is planned any more")
                }
                now = max(now, next.time)
                try happen(next.event)
                try advancePhase()
            }
        } catch {
            var violation = error
            violation.seed = seed
            violation.story = story.ending
            throw violation
        }
    }

    private func found() throws(Violation) {
        for node in nodes {
            do throws(NodeError) {
                try NodeFolder.found(
                    SimulatedNode.folder,
                    on: node.watched,
                    genesis: genesis,
                    node: node.id,
                    settings: scenario.settings,
                    seed: chance.bits()
                )
            } catch {
                throw Violation(.unexpectedStop, "node \(node.id) cannot be founded: \(error)")
            }
            plan(.start(node.place), after: chance.draw(0...20 * Span.millisecond))
        }
        clients.begin(self)
    }

    private func happen(_ event: Happening) throws(Violation) {
        switch event {
        case .tick(let place, let life): try tick(place, life)
        case .turn(let place, let stage, let life): try turn(place, stage, life)
        case .journalFinished(let place, let results, let life):
            journalFinished(place, results, life)
        case .applyFinished(let place, let report, let life): applyFinished(place, report, life)
        case .peerMessage(let from, let to, let bytes): arrive(from, to, bytes)
        case .connection(let place, let life, let other, let isUp):
            connection(place, life, other, isUp)
        case .request(let place, let event): give(event, to: place)
        case .reply(let reply): try replied(reply)
        case .patienceEnds(let attempt): clients.patienceEnds(attempt, in: self)
        case .nextRequest(let client, let slot): clients.next(client, slot, in: self)
        case .start(let place): try start(place)
        case .fault: fault()
        case .mend(let mending): mend(mending)
        }
    }

    /// Plans something.
    func plan(_ event: Happening, after delay: UInt64) { queue.add(event, at: now + delay) }

    /// Tells the story, and takes the line's time into the trace.
    func tell(_ line: @autoclosure () -> String) { story.tell(now, line()) }

    /// Mixes a number into the trace (FNV-1a).
    func mix(_ number: UInt64) { trace = (trace ^ number) &* 0x0000_0100_0000_01B3 }

    // MARK: Phases

    private func advancePhase() throws(Violation) {
        switch phase {
        case .setUp:
            if clients.isSetUp {
                network.quality = scenario.quality
                phase = .faults(until: now + scenario.faultTime)
                tell("set up; faults begin: \(scenario.faults)")
                clients.beginWorkload(self)
                plan(.fault, after: chance.draw(scenario.faultInterval))
            } else if now > 120 * Span.second {
                throw Violation(.liveness, "a healthy cluster does not get through its set-up")
            }
        case .faults(let end):
            if now >= end { heal() }
        case .healing(let end):
            if clients.isIdle, isConverged {
                phase = .comparing(until: now + 20 * Span.second)
                tell("healed; the clients compare")
                clients.beginComparison(self)
            } else if now > end {
                throw Violation(.liveness, "not healed in time: \(condition)")
            }
        case .comparing(let end):
            if clients.isIdle {
                phase = .digesting(until: now + 20 * Span.second)
                askDigests()
            } else if now > end {
                throw Violation(.liveness, "no comparison in time: \(condition)")
            }
        case .digesting(let end):
            if digestsAwaited == 0 {
                phase = .done
                close()
            } else if now > end {
                throw Violation(.liveness, "no digests in time: \(condition)")
            }
        case .done: break
        }
    }

    /// Mends everything that was broken.
    private func heal() {
        phase = .healing(until: now + 60 * Span.second)
        tell("faults end")
        network.mendAll()
        network.quality = SimulatedNetwork.Quality()
        for node in nodes {
            node.slowUntil = 0
            node.crashesWhileStarting = false
            node.isDiskFaultPlanned = false
            node.disk.forgetFaults()
            node.disk.capacity = nil
            for other in nodes where other.place != node.place && other.isUp && node.isUp {
                plan(
                    .connection(node.place, life: node.life, of: other.place, isUp: true),
                    after: 1 * Span.millisecond
                )
            }
        }
    }

    /// One leader whose log all have committed and applied.
    private var isConverged: Bool {
        guard let leader = nodes.first(where: { $0.isUp && $0.role == .leader }) else {
            return false
        }
        return nodes.allSatisfy { node in
            guard let status = node.consensus?.status, status.leader == leader.id else {
                return false
            }
            return status.lastIndex == leader.log.last && status.commitIndex == leader.log.last
                && status.appliedIndex == leader.log.last
        }
    }

    private var condition: String {
        let lines = nodes.map { node -> String in
            guard let status = node.consensus?.status else { return "node \(node.id) is down" }
            return
                "node \(node.id) is \(status.role) in term \(status.term), log \(status.lastIndex)"
                + ", committed \(status.commitIndex), applied \(status.appliedIndex)"
        }
        return lines.joined(separator: "; ") + "; " + clients.condition
    }

    private func askDigests() {
        for node in nodes where node.isUp {
            digestsAwaited += 1
            let key = RequestKey(connection: .max, request: UInt64(node.place))
            node.applyInbox.append(.digest(key, atLeast: committed.last))
            wake(node, .apply)
        }
    }

    private func replied(_ reply: OutgoingReply) throws(Violation) {
        mix(reply.key.request)
        mix(reply.appliedIndex.value)
        guard reply.key.connection == .max else {
            try clients.replied(reply, in: self)
            return
        }
        guard case .digest(let report) = reply.content else { return }
        try agreement.recomputed(
            NodeID(reply.key.request + 1),
            at: report.index,
            kept: report.kept,
            computed: report.computed
        )
        for byte in report.kept { mix(UInt64(byte)) }
        digestsAwaited -= 1
    }

    private func close() {
        tell("all is well")
        for node in nodes { node.stop() }
    }
}
