internal import CadastreNode
internal import CadastreProtocol
internal import CoreMetrics
internal import Logging
internal import NIOCore
internal import RaftCore

/// Runs the consensus stage on the event loop of the peers' connections, and short turns of the apply
/// stage behind its own (Decision 0021 of CadastreNode).
///
/// `@unchecked Sendable`: `inbox` is for every thread; everything else is touched on `loop` alone.
final class ConsensusHost: @unchecked Sendable {
    /// Where the stage's outputs go.
    struct Outlets {
        /// To the journal stage.
        let journal: Inbox<JournalEvent>
        /// To the apply stage, whose short turns are done here while it sleeps.
        let apply: StageThread<ApplyEvent>
        /// To the snapshot stage.
        let snapshots: Inbox<SnapshotEvent>
        /// The configuration has changed, or whom this node follows; before the messages of the
        /// turn.
        let membersChanged: (Configuration?, NodeID) -> Void
        /// To the peers; called on the loop.
        let send: (PeerFrame) -> Void
        /// After the messages of one turn.
        let flush: () -> Void
        /// Closes the connections of a peer that broke the protocol.
        let disconnect: (PeerFault) -> Void
        /// To the clients; empties the array.
        let reply: (inout [OutgoingReply]) -> Void
        /// The node must stop.
        let fail: @Sendable (NodeError) -> Void
    }

    /// What waits for the stage.
    let inbox: Inbox<ConsensusEvent>
    private let loop: any EventLoop
    private let view: NodeView
    private let metrics: NodeMetrics
    private let log: Logger
    private var stage: ConsensusStage
    private var outlets: Outlets?
    private var events: [ConsensusEvent] = []
    private var output = ConsensusOutput()
    private var ticker: RepeatedTask?
    /// When a turn is due although nothing may come; monotonic, the last moment of all: none is.
    private var scheduledTurn = UInt64.max
    private var hasAlarm = false
    /// What the node last was.
    private var role = RoleName.follower
    /// On a leader: where its log ended when it began to lead, until that is applied.
    private var unsettledThrough: LogIndex?

    /// Takes over a stage; nothing runs before ``start(_:tickMilliseconds:)``.
    init(
        _ stage: sending ConsensusStage,
        on loop: any EventLoop,
        view: NodeView,
        metrics: NodeMetrics,
        log: Logger
    ) {
        self.stage = stage
        self.loop = loop
        self.view = view
        self.metrics = metrics
        self.log = log
        let weakly = WeakHost()
        inbox = Inbox { weakly.wake() }
        weakly.host = self
    }

    /// Lets the inbox, which its owner makes before itself, find its owner.
    ///
    /// `@unchecked Sendable`: set once, in the owner's `init`, before anybody else has the inbox.
    private final class WeakHost: @unchecked Sendable {
        weak var host: ConsensusHost?

        func wake() {
            guard let host else { return }
            host.loop.execute { host.run() }
        }
    }

    /// Begins to take events and to tick.
    ///
    /// On the loop.
    func start(_ outlets: Outlets, tickMilliseconds: Int) {
        loop.preconditionInEventLoop()
        self.outlets = outlets
        let interval = TimeAmount.milliseconds(Int64(tickMilliseconds))
        ticker = loop.scheduleRepeatedTask(initialDelay: interval, delay: interval) {
            [weak self] _ in
            self?.inbox.post(.tick)
        }
        run()
    }

    /// Takes no more events.
    ///
    /// On the loop.
    func stop() {
        loop.preconditionInEventLoop()
        ticker?.cancel()
        ticker = nil
        inbox.close()
        outlets = nil
    }

    /// What the stage tells of itself; from any thread.
    func status() -> EventLoopFuture<ConsensusStatus> {
        loop.submit { self.stage.status }
    }

    /// One turn over what waits, and another one behind the sockets if more comes meanwhile.
    private func run() {
        guard let outlets, !hasAlarm, inbox.take(into: &events) else { return }
        turn(outlets)
    }

    private func turn(_ outlets: Outlets) {
        let moment = Clock.now()
        stage.turn(&events, at: moment, into: &output)
        events.removeAll(keepingCapacity: true)
        // The disk takes longest: it begins first.
        outlets.journal.post(all: &output.journal)
        if let configuration = output.configuration {
            outlets.membersChanged(configuration, view.now.leader)
            configurationChanged(configuration)
        }
        for frame in output.frames { outlets.send(frame) }
        outlets.flush()
        for request in output.snapshots { outlets.snapshots.post(.request(request)) }
        settle()
        if let successor = output.preferredSuccessor {
            log.notice(
                "leadership goes to a site that the policy prefers",
                metadata: ["successor": "\(successor)"]
            )
        }
        if let change = output.role {
            roleChanged(change)
            outlets.membersChanged(nil, change.leader)
        }
        if !output.replies.isEmpty { outlets.reply(&output.replies) }
        for fault in output.peerFaults { outlets.disconnect(fault) }
        // Last: nothing else waits for it, and to wake a thread takes longer than to do it.
        if !output.apply.isEmpty, !outlets.apply.turnHere(&output.apply) {
            outlets.apply.inbox.post(all: &output.apply)
        }
        if let alarm = output.alarm {
            hasAlarm = true
            outlets.fail(
                NodeError(
                    .alarm,
                    "a peer contradicts the log: \(alarm). This node stops and changes nothing "
                        + "more; keep the data folders of all nodes and compare their logs with "
                        + "`cadastre log show` before any of them is started again"
                )
            )
        }
        let (isHoldingBack, next) = (output.isHoldingBack, output.nextTurn)
        output.removeAll()
        if !inbox.rest(heedingAll: isHoldingBack) { loop.execute { self.run() } }
        if let next, next < scheduledTurn { schedule(at: next, moment.monotonic) }
    }

    /// Does a turn at a moment, whatever comes.
    private func schedule(at next: UInt64, _ now: UInt64) {
        scheduledTurn = next
        let delay = TimeAmount.nanoseconds(Int64(clamping: next - min(next, now)))
        loop.assumeIsolated().scheduleTask(in: delay) {
            // An earlier one was scheduled meanwhile, which sees whether another is needed.
            guard self.scheduledTurn == next else { return }
            self.scheduledTurn = .max
            guard let outlets = self.outlets, !self.hasAlarm else { return }
            _ = self.inbox.take(into: &self.events)
            self.turn(outlets)
        }
    }

    private func settle() {
        guard let index = unsettledThrough, stage.status.appliedIndex >= index else { return }
        unsettledThrough = nil
        view.update { $0.isSettledLeader = true }
    }

    private func configurationChanged(_ configuration: Configuration) {
        func list(_ role: MemberRole) -> String {
            configuration.members.filter { $0.role == role }.map { "\($0.id)" }
                .joined(separator: ",")
        }
        log.notice(
            "members changed",
            metadata: [
                "voters": "\(list(.voter))", "learners": "\(list(.learner))",
                "witness": "\(list(.witness))",
                "outgoing": "\(configuration.outgoing.map { "\($0)" }.joined(separator: ","))",
            ]
        )
    }

    private func roleChanged(_ change: RoleChange) {
        unsettledThrough = change.role == .leader ? stage.status.lastIndex : nil
        view.update { content in
            content.isSettledLeader = false
            content.role = change.role
            content.term = change.term
            content.leader = change.leader
        }
        let isNew = change.role != role
        role = change.role
        // The same role under another leader or in another term is no change of role.
        if isNew { metrics.roleChanges[change.role]?.increment() }
        log.log(
            level: isNew ? .notice : .info,
            isNew ? "role changed" : "leader or term changed",
            metadata: [
                "role": "\(change.role)", "term": .stringConvertible(change.term.value),
                "leader": .stringConvertible(change.leader.value),
            ]
        )
    }
}
