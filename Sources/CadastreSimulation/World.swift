internal import CadastreDisk
internal import CadastreNode
internal import CadastreProtocol
internal import CadastreStorage
internal import RaftCore

/// A whole cluster in one thread, from one seed: the product's consensus, journal, recovery and
/// state machine, over simulated disks, links and clocks, with clients that remember what they were
/// told and checkers that look after every step.
///
/// What it does not simulate: sockets, TLS, and the doors for clients and operators.
final class World {
    /// What is planned.
    enum Happening {
        case tick(Int, life: Int)
        case turn(Int, Stage, life: Int)
        case journalFinished(Int, [JournalResult], life: Int)
        case applyFinished(Int, [AppliedReport], life: Int)
        case peerMessage(Letter)
        case crash(Int, life: Int)
        case snapshotFinished(Int, [SnapshotResult], life: Int)
        case snapshotMessage(Letter)
        case connection(Int, life: Int, of: Int, isUp: Bool)
        case request(attempt: Int)
        case overdue(attempt: Int, AttemptLedger.Life)
        case reply(OutgoingReply)
        case patienceEnds(attempt: Int)
        case nextRequest(client: Int, slot: Int)
        case start(Int)
        case fault
        case mend(Mending)
        case operate
        case operatorRequest(UInt64, Operator.Request, to: Int)
        case operatorWaits(UInt64)
        case mending(Int, life: Int)
        case repairMessage(Letter)
        case oldDisk(Int, isOut: Bool)
        case cut([(from: Int, to: Int)], duration: UInt64)
        case rot

        /// What kind it is, for the trace.
        var tag: UInt64 {
            switch self {
            case .tick: 1
            case .turn(_, let stage, _): 2 + UInt64(stage.rawValue)
            case .journalFinished: 5
            case .applyFinished: 6
            case .peerMessage: 7
            case .connection: 8
            case .request: 9
            case .overdue: 10
            case .reply: 11
            case .patienceEnds: 12
            case .nextRequest: 13
            case .start: 14
            case .fault: 15
            case .mend: 16
            case .crash: 19
            case .snapshotFinished: 17
            case .snapshotMessage: 18
            case .operate: 20
            case .operatorRequest: 21
            case .operatorWaits: 22
            case .mending: 23
            case .repairMessage: 24
            case .oldDisk: 25
            case .cut: 26
            case .rot: 27
            }
        }
    }

    /// Through what a run goes.
    enum Phase: Equatable {
        /// Tenants, buckets and sessions are made, in a healthy world.
        case setUp
        /// Requests and faults, until then.
        case faults(until: UInt64)
        /// All is mended; what is open is finished and everybody puts something new, by then at the
        /// latest.
        case healing(until: UInt64)
        /// The clients compare everything with the model, by then at the latest.
        case comparing(until: UInt64)
        /// The nodes recompute their digests, by then at the latest.
        case digesting(until: UInt64)
        /// All is well.
        case done
    }

    let seed: UInt64
    let sabotage: Sabotage?
    let scenario: Scenario
    let genesis: Genesis
    var chance: Chance
    /// For what disks rot: a world in which none does is what it would be without.
    var rotChance: Chance
    var story: Story
    var reach = Reach()
    var queue = EventQueue<Happening>()
    /// Virtual nanoseconds since the beginning.
    var now: UInt64 = 0
    var phase = Phase.setUp
    var nodes: [SimulatedNode] = []
    var network: SimulatedNetwork
    var clients: Clients
    /// Who changes the members.
    var owner = Operator()
    /// Nodes with an empty disk, to be founded before they start.
    var mustBeFounded: [Int] = []
    /// Who led, in which term, when after the faults all was equal.
    var quietLeader: (node: NodeID, term: Term)?
    /// Until when nobody does anything to a cluster that is well.
    var quietUntil: UInt64 = 0
    /// Nodes whose digest is still to come.
    var digestsAwaited = 0
    /// A number that two runs of one seed share: everything that happened goes into it.
    var trace: UInt64 = 0xCBF2_9CE4_8422_2325
    /// Which faults happen.
    var faultChoice = FaultChoice.all
    /// The number of the last one that was drawn.
    var faultNumber = 0
    /// Faults that happened.
    var faultCount = 0
    /// Writes down what the clients see, if anybody wants to know.
    var history: ClientHistory?
    /// Answers that clients got while faults went on.
    var operationsUnderFaults = 0
    /// The sabotage was done.
    var isSabotaged = false

    var leaders = OneLeaderPerTerm()
    /// The logs of leaders whose term is over, as far as they got; looked up, never iterated.
    var pastLeaders: [Term: LogView] = [:]
    var matching = LogMatching()
    var committed: CommittedLog
    var agreement = StateAgreement()
    var progress: MonotonicProgress
    var monitor: PersistBeforeSend
    var ledger: AttemptLedger
    var model: Model
    var availability: Availability
    let clusterClock = ClusterClock()
    /// When the faults ended.
    var healingSince: UInt64 = 0
    /// When a node last started.
    var lastStart: UInt64 = 0
    /// When after the faults all was equal, and only answers were missing.
    var convergedAt: UInt64?
    /// The newest term anywhere when the faults ended.
    var termAtHealing = Term.zero
    /// Every entry that was proposed, for the model; looked up, never iterated.
    var entries: [LogPosition: Entry] = [:]

    /// Draws a world.
    init(seed: UInt64, sabotage: Sabotage? = nil, isBeyond: Bool = false, story: Story) {
        self.seed = seed
        self.sabotage = sabotage
        self.story = story
        chance = Chance(seed: seed)
        rotChance = Chance(seed: ~seed ^ 0x726F_7474_656E_2121)
        var scenario = Scenario(&chance)
        if let sabotage {
            scenario.prepare(for: sabotage)
        } else {
            scenario.drawMembers(seed: seed)
            scenario.drawWitness(seed: seed)
            scenario.drawRot(seed: seed)
            scenario.drawLinks(seed: seed)
            scenario.drawGathering(seed: seed)
            scenario.drawFolders(seed: seed)
            scenario.drawReader(seed: seed)
            scenario.drawLoad(seed: seed)
            scenario.drawPaces(seed: seed)
        }
        if isBeyond { scenario.goBeyond(seed: seed) }
        self.scenario = scenario
        network = SimulatedNetwork(nodes: scenario.places, quality: SimulatedNetwork.Quality())
        clients = Clients(scenario, seed: seed)
        committed = CommittedLog(voters: scenario.nodes)
        progress = MonotonicProgress(nodes: scenario.places)
        monitor = PersistBeforeSend(nodes: scenario.places)
        ledger = AttemptLedger(nodes: scenario.places)
        model = Model(voters: (1...UInt64(scenario.nodes)).map(\.self))
        availability = Availability(
            nodes: scenario.places,
            patience: scenario.availabilityPatience
        )
        var members: [Member] = []
        for place in 0..<scenario.places {
            let node = SimulatedNode(
                place: place,
                of: scenario.places,
                seed: chance.bits(),
                clockRate: scenario.clockRates[place],
                wallStart: scenario.wallStarts[place]
            )
            node.incarnation = Incarnation(high: chance.bits(), low: chance.bits())
            nodes.append(node)
            if place < scenario.nodes {
                members.append(node.member(place == scenario.witness ? .witness : .voter))
            }
        }
        genesis = Genesis(
            clusterName: "simulated",
            cluster: ClusterID(high: chance.bits(), low: chance.bits()),
            members: members,
            policy: Self.policy(of: seed, members)
        )
    }

    /// Some seeds prefer a leader; not drawn, so that all else of a seed stays as it is.
    private static func policy(of seed: UInt64, _ members: [Member]) -> Policy {
        guard seed % 3 == 0 else { return Policy() }
        return Policy(preferredLeaders: [members[Int(seed / 3 % UInt64(members.count))].site])
    }

    /// Lives through all phases.
    ///
    /// - Throws: The first violation.
    func run() throws(Violation) {
        do throws(Violation) {
            try found()
            while phase != .done { try step() }
        } catch {
            var violation = error
            violation.seed = seed
            violation.isBeyond = scenario.isBeyond
            violation.faults = faultNumber
            violation.story = story.ending
            throw violation
        }
    }

    /// Lets the next thing happen.
    ///
    /// - Throws: If a promise is broken.
    func step() throws(Violation) {
        guard let next = queue.next() else {
            throw Violation(.liveness, "nothing is planned any more")
        }
        now = max(now, next.time)
        mix(now)
        mix(next.event.tag)
        try happen(next.event)
        try advancePhase()
    }

    /// Makes the nodes' folders, and plans their starts and the clients' first requests.
    ///
    /// - Throws: If a folder cannot be made.
    func found() throws(Violation) {
        for node in nodes {
            guard node.place < scenario.nodes else {
                try foundToJoin(node)
                plan(.start(node.place), after: chance.draw(0...200 * Span.millisecond))
                continue
            }
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
        operate()
    }

    private func happen(_ event: Happening) throws(Violation) {
        switch event {
        case .tick(let place, let life): try tick(place, life)
        case .turn(let place, let stage, let life): try turn(place, stage, life)
        case .journalFinished(let place, let results, let life):
            try journalFinished(place, results, life)
        case .applyFinished(let place, let reports, let life): applyFinished(place, reports, life)
        case .peerMessage(let letter): try arrive(letter)
        case .crash(let place, let life):
            if nodes[place].life == life { crash(nodes[place]) }
        case .snapshotFinished(let place, let results, let life):
            snapshotFinished(place, results, life)
        case .snapshotMessage(let letter): snapshotMessage(letter)
        case .connection(let place, let life, let other, let isUp):
            connection(place, life, other, isUp)
        case .request(let attempt): try arrive(attempt: attempt)
        case .overdue(let attempt, let life): try overdue(attempt, life)
        case .reply(let reply): try replied(reply)
        case .patienceEnds(let attempt): clients.patienceEnds(attempt, in: self)
        case .nextRequest(let client, let slot): clients.next(client, slot, in: self)
        case .start(let place): try start(place)
        case .fault: try fault()
        case .mend(let mending): mend(mending)
        case .operate: operate()
        case .operatorRequest(let number, let request, let place):
            arrive(number, request, at: place)
        case .operatorWaits(let number): operatorWaits(number)
        case .mending(let place, let life): try mendingTurn(place, life)
        case .repairMessage(let letter): repairMessage(letter)
        case .oldDisk(let place, let isOut): oldDisk(place, isOut: isOut)
        case .cut(let links, let duration):
            if case .faults = phase { cut(links, for: duration) }
        case .rot: try rotWhileUp()
        }
    }

    /// Plans something.
    func plan(_ event: Happening, after delay: UInt64) { queue.add(event, at: now + delay) }

    /// Tells the story.
    func tell(_ line: @autoclosure () -> String) { story.tell(now, line()) }

    /// Mixes a number into the trace (FNV-1a).
    func mix(_ number: UInt64) { trace = (trace ^ number) &* 0x0000_0100_0000_01B3 }

    /// Numbers the next thing that is done to the world, and says whether it is done.
    func isChosen() -> Bool {
        faultNumber += 1
        return faultChoice.includes(faultNumber)
    }

    /// Whether this bug is to be planted now; each is planted once where `once` says so.
    func plants(_ bug: Sabotage, once: Bool = true) -> Bool {
        guard sabotage == bug, case .faults = phase, !(once && isSabotaged) else { return false }
        if !isSabotaged { tell("SABOTAGE: \(bug.rawValue)") }
        isSabotaged = true
        return true
    }
}
