internal import CadastreNode
internal import CadastreProtocol
internal import CadastreStateMachine
internal import CoreMetrics
internal import NIOCore
internal import RaftCore
internal import Synchronization

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
    /// How much of this loop's room is taken.
    var admission: Admission
    /// How long requests take.
    var pace = Pace()
    /// Nothing new is taken.
    private(set) var isStopping = false
    /// This loop's place among the loops; the lowest byte of its connections' numbers.
    private let place: Int
    private var sessions: [UInt64: Session] = [:]
    private var strangers: [Listener: Strangers] = [:]
    private let maximumStrangers: Int
    private var abandoned = AbandonedRequests()
    private var own = OwnRequests()
    /// What was last added to the node's count of open requests.
    private var reportedInFlight = 0
    private var nextSession: UInt64 = 1
    private var touched: [Session] = []
    private var commands: [WaitingCommand] = []
    private var queries: [WaitingQuery] = []
    /// What small writes to sockets are copied into.
    private var spareBuffer = ByteBuffer()
    private var local: [ApplyEvent] = []
    private var mustHandOver = false
    private var replies: [OutgoingReply] = []
    private var sweeper: RepeatedTask?

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
        maximumStrangers = max(1, RuntimeLimits.strangersPerListener / loops)
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
            initialDelay: RuntimeLimits.sweepInterval,
            delay: RuntimeLimits.sweepInterval
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
        own.giveUpAll()
        inbox.close()
    }

    /// Requests for whose replies somebody waits.
    var inFlight: Int { sessions.values.reduce(0) { $0 + $1.requests.count } }

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

    /// Takes in a connection whose other end is not known yet, if need be for another one.
    func add(stranger channel: any Channel, on listener: Listener) {
        let oldest = strangers[listener, default: Strangers(maximum: maximumStrangers)].add(channel)
        guard let oldest else { return }
        context.refused(
            .tooMany,
            "too many connections that do not say whose they are; the oldest is closed",
            on: listener,
            address: oldest.remoteAddress
        )
        oldest.close(promise: nil)
    }

    /// A connection is no stranger's any more, or is gone.
    func becameKnown(_ channel: any Channel, on listener: Listener) {
        strangers[listener]?.remove(channel)
    }

    /// Answers an administration request, if its session is still there.
    func answer(_ key: RequestKey, _ answer: AdministrationAnswer, appliedIndex: UInt64) {
        let session = sessions[key.connection]
        if session?.answer(key.request, answer, appliedIndex: appliedIndex) == true { return }
        letGo(key)
    }

    /// Refuses a request that was counted in, if its session is still there.
    func refuse(_ key: RequestKey, _ refusal: Refusal, _ detail: String) {
        guard let session = sessions[key.connection] else { return }
        session.finish(key.request, refusal, detail)
        touch(session)
    }

    // MARK: Requests that nobody waits for

    /// Keeps a request's charge until a stage lets go of it.
    func abandon(_ key: RequestKey, _ request: OpenRequest) {
        abandoned.add(
            key,
            AbandonedRequests.Charge(share: request.share, size: request.size),
            until: request.deadline + RuntimeLimits.abandonedTimeout
        )
    }

    private func letGo(_ key: RequestKey) {
        guard let charge = abandoned.remove(key) else { return }
        admission.release(charge.share, size: charge.size)
    }

    /// Proposes a command of this process itself.
    ///
    /// - Parameters:
    ///   - bytes: The encoded envelope.
    ///   - deadline: Monotonic.
    /// - Returns: The reply, or that nobody knows.
    func propose(
        _ bytes: [UInt8],
        deadline: UInt64
    ) -> EventLoopFuture<CadastreNode.ReplyContent> {
        guard !isStopping else {
            return loop.makeSucceededFuture(.refused(.shuttingDown, leader: .none))
        }
        let promise = loop.makePromise(of: CadastreNode.ReplyContent.self)
        let number = own.add(promise, deadline: deadline)
        add(
            WaitingCommand(
                key: RequestKey(connection: UInt64(place), request: number),
                tenant: .none,
                bytes: bytes,
                deadline: deadline
            )
        )
        return promise.futureResult
    }

    // MARK: To the stages

    /// Takes a command for the next hand-over.
    func add(_ command: consuming WaitingCommand) {
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
            let count = commands.count
            context.consensus.post(.commands(commands))
            commands = []
            // The next are likely to be as many.
            commands.reserveCapacity(count)
        }
        if !queries.isEmpty {
            let count = queries.count
            context.consensus.post(.queries(queries))
            queries = []
            queries.reserveCapacity(count)
        }
        if context.identity.isWitness {
            // Without a state nothing was taken that somebody could give up.
            local.removeAll()
        } else {
            context.apply.post(all: &local)
        }
    }

    // MARK: From the stages

    private func takeReplies() {
        guard inbox.take(into: &replies) else { return }
        for reply in replies {
            if reply.key.connection == UInt64(place) {
                own.answer(reply.key.request, reply.content)
            } else if let session = sessions[reply.key.connection], session.answer(reply) {
                touch(session)
            } else {
                letGo(reply.key)
            }
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

    /// Shows bytes in a buffer; small ones in the same one each time, which costs no memory as long as
    /// nobody keeps it.
    func withBuffer(_ bytes: ArraySlice<UInt8>, _ body: (ByteBuffer) -> Void) {
        guard bytes.count <= RuntimeLimits.keptBufferSize else {
            body(ByteBuffer(bytes: bytes))
            return
        }
        // Taken out: writing may lead here again.
        var buffer = ByteBuffer()
        swap(&buffer, &spareBuffer)
        buffer.clear(minimumCapacity: bytes.count)
        buffer.writeBytes(bytes)
        body(buffer)
        swap(&buffer, &spareBuffer)
    }

    /// Gives up what nobody waits for any more.
    func sweep(at now: Moment) {
        var judgements = RuntimeLimits.judgementsPerSweep
        for session in Array(sessions.values) { session.sweep(at: now, judgements: &judgements) }
        for charge in abandoned.removeLate(at: now.monotonic) {
            admission.release(charge.share, size: charge.size)
        }
        own.giveUpLate(at: now.monotonic)
        flush()
        let open = inFlight
        context.requestsInFlight.wrappingAdd(open - reportedInFlight, ordering: .relaxed)
        reportedInFlight = open
    }

    /// When whoever finds no room may come back.
    var retryAdvice: RetryAdvice {
        RetryAdvice(whenOverloaded: UInt32(clamping: pace.wait(load: admission.load)))
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
