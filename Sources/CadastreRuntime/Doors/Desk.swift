internal import CadastreNode
internal import CadastreProtocol
internal import CadastreStateMachine
internal import CoreMetrics
internal import NIOCore
internal import RaftCore

/// Serves all connections of one event loop: collects what they ask, hands it over once for a
/// round of reading, brings back the replies, and looks after deadlines.
///
/// `@unchecked Sendable`: `inbox` is for every thread; everything else is touched on `loop` alone.
final class Desk: @unchecked Sendable {
    /// Where replies for this loop's connections are posted.
    let inbox: Inbox<OutgoingReply>
    let context: DoorContext
    let loop: any EventLoop
    /// Who may act for whom.
    var access: AccessView
    var admission: Admission
    /// Nothing new is taken.
    private(set) var isStopping = false
    /// This loop's place among the loops; the lowest byte of its connections' numbers.
    private let place: Int
    private var sessions: [UInt64: Session] = [:]
    private var nextSession: UInt64 = 1
    private var touched: [Session] = []
    private var commands: [WaitingCommand] = []
    private var queries: [WaitingQuery] = []
    private var local: [ApplyEvent] = []
    private var mustHandOver = false
    private var replies: [OutgoingReply] = []
    private var sweeper: RepeatedTask?

    /// How often deadlines are looked at.
    private static let sweepInterval = TimeAmount.milliseconds(50)

    /// A desk without connections.
    init(
        _ context: DoorContext,
        place: Int,
        of loops: Int,
        on loop: any EventLoop,
        access: AccessView
    ) {
        precondition(place < 256, "connection numbers hold the loop in a byte")
        self.context = context
        self.place = place
        self.loop = loop
        self.access = access
        admission = Admission(context.bounds, loops: loops)
        let weakly = WeakDesk()
        inbox = Inbox { weakly.wake() }
        weakly.desk = self
    }

    /// Lets the inbox, which its owner makes before itself, find its owner.
    ///
    /// `@unchecked Sendable`: set once, in the owner's `init`, before anybody else has the inbox.
    private final class WeakDesk: @unchecked Sendable {
        weak var desk: Desk?

        func wake() {
            guard let desk else { return }
            desk.loop.execute { desk.takeReplies() }
        }
    }

    /// The place of the loop that has a connection.
    static func place(of connection: UInt64) -> Int { Int(connection & 0xFF) }

    /// Begins to look after deadlines.
    ///
    /// On the loop.
    func start() {
        sweeper = loop.scheduleRepeatedTask(
            initialDelay: Self.sweepInterval,
            delay: Self.sweepInterval
        ) { [weak self] _ in self?.sweep(at: Clock.now()) }
    }

    /// Takes nothing new any more, and tells every client so.
    ///
    /// On the loop.
    func stopAdmitting() {
        isStopping = true
        for session in sessions.values { session.sayGoodbye() }
    }

    /// Closes every connection.
    ///
    /// On the loop.
    func close() {
        sweeper?.cancel()
        for session in Array(sessions.values) { session.close() }
        inbox.close()
    }

    /// Requests that wait for a reply.
    var inFlight: Int { admission.count }

    // MARK: Sessions

    /// Numbers a new connection.
    func register(_ session: Session) -> UInt64 {
        let number = nextSession << 8 | UInt64(place)
        nextSession += 1
        sessions[number] = session
        return number
    }

    /// Forgets a connection.
    func remove(_ number: UInt64) {
        sessions[number] = nil
    }

    /// Counts connections that stand.
    func count(_ listener: Listener, by change: Int) {
        context.standing(listener, by: change)
    }

    /// Answers an administration request, if its session is still there.
    func answer(_ key: RequestKey, _ answer: AdministrationAnswer, appliedIndex: UInt64) {
        sessions[key.connection]?.answer(key.request, answer, appliedIndex: appliedIndex)
    }

    // MARK: To the stages

    /// Takes a command for the next hand-over.
    func add(_ command: WaitingCommand) {
        commands.append(command)
        wantHandOver()
    }

    /// Takes a linearizable query for the next hand-over.
    func add(_ query: WaitingQuery) {
        queries.append(query)
        wantHandOver()
    }

    /// Takes what the apply stage does without asking for consensus.
    func add(_ event: ApplyEvent) {
        local.append(event)
        wantHandOver()
    }

    private func wantHandOver() {
        guard !mustHandOver else { return }
        mustHandOver = true
        // Behind the sockets that are readable in this round: all their requests go over at once.
        loop.execute { self.handOver() }
    }

    private func handOver() {
        mustHandOver = false
        if !commands.isEmpty {
            context.consensus.post(.commands(commands))
            commands = []
        }
        if !queries.isEmpty {
            context.consensus.post(.queries(queries))
            queries = []
        }
        context.apply.post(all: &local)
        context.metrics.inFlight.record(admission.count)
    }

    // MARK: From the stages

    private func takeReplies() {
        guard inbox.take(into: &replies) else { return }
        for reply in replies {
            guard let session = sessions[reply.key.connection] else { continue }
            session.answer(reply)
            touch(session)
        }
        replies.removeAll(keepingCapacity: true)
        flush()
        loop.execute { self.takeReplies() }
    }

    /// Flushes a session's replies with the others of this round.
    func touch(_ session: Session) {
        guard !session.isTouched else { return }
        session.isTouched = true
        touched.append(session)
    }

    /// Writes what the touched sessions have to say, each in one go.
    func flush() {
        guard !touched.isEmpty else { return }
        let round = touched
        touched.removeAll(keepingCapacity: true)
        for session in round {
            session.isTouched = false
            session.flush()
        }
    }

    /// Gives up what nobody waits for any more.
    func sweep(at now: Moment) {
        for session in Array(sessions.values) { session.sweep(at: now) }
        flush()
    }
}

/// The desks of all loops: brings each reply to the loop of its connection.
struct Desks: Sendable {
    /// One for each loop, by place.
    let all: [Desk]

    /// Posts replies; empties the array.
    func post(_ replies: inout [OutgoingReply]) {
        if let only = all.first, all.count == 1 {
            only.inbox.post(all: &replies)
            return
        }
        var batches: [[OutgoingReply]] = Array(repeating: [], count: all.count)
        for reply in replies {
            let place = Desk.place(of: reply.key.connection)
            guard place < batches.count else { continue }
            batches[place].append(reply)
        }
        replies.removeAll(keepingCapacity: true)
        for (desk, batch) in zip(all, batches) {
            var batch = batch
            desk.inbox.post(all: &batch)
        }
    }

    /// Tells every loop who may act for whom.
    func publish(_ access: AccessView) {
        for desk in all {
            desk.loop.execute { desk.access = access }
        }
    }
}
