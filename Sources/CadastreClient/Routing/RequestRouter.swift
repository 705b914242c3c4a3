internal import CadastreProtocol
package import NIOCore

/// Carries requests to the node that answers them: finds the leader, follows it, tries again.
///
/// Everything here happens on one event loop; `submit` may be called from there only. The other
/// parts of it are `RequestRouter+Routing.swift` (which node) and `RequestRouter+Outcomes.swift`
/// (what a reply means).
package final class RequestRouter: @unchecked Sendable {
    // Unchecked: every stored variable is read and written on `loop` alone.

    /// The thread of all this.
    package let loop: any EventLoop
    let configuration: ClientConfiguration
    let connector: Connector

    var links: [NodeLink]
    /// The node that is taken for the leader, or asked who it is.
    var target: NodeLink
    var leaderQueue = CircularBuffer<ActiveRequest>()
    /// Failures and refusals of targets since one last answered.
    var searchCount = 0
    var searchTimer: Scheduled<Void>?
    var sessions: SessionPool
    /// The request by which a session is being opened.
    private var openingID: UInt64 = 0
    private(set) var requests: [UInt64: ActiveRequest] = [:]
    private var nextID: UInt64 = 1
    private var sweep: Scheduled<Void>?
    private(set) var isClosed = false
    private var generator = SystemRandomNumberGenerator()

    /// Makes a router; nothing is connected before the first request.
    init(_ configuration: ClientConfiguration, connector: Connector, loop: any EventLoop) {
        precondition(!configuration.endpoints.isEmpty, "a client without endpoints")
        self.loop = loop
        self.configuration = configuration
        self.connector = connector
        links = configuration.endpoints.map { NodeLink($0) }
        target = links[0]
        sessions = SessionPool(slotCount: Int(configuration.sessionSlots))
    }

    // MARK: - Requests in

    /// Takes a request and calls back, on the event loop, once its outcome is settled.
    ///
    /// Returns the number by which it can be given up; 0 if it was settled at once.
    @discardableResult
    package func submit(
        _ submission: Submission,
        completion: @escaping (RawOutcome) -> Void
    ) -> UInt64 {
        loop.preconditionInEventLoop()
        guard !isClosed else {
            completion(.refused(Refused(.clientClosed, detail: "this client was closed")))
            return 0
        }
        guard requests.count < ClientLimits.maximumRequests else {
            let detail = "\(requests.count) requests are waiting in this client"
            completion(.refused(Refused(.overloaded, detail: detail)))
            return 0
        }
        let deadline = min(submission.deadline ?? configuration.deadline, .seconds(86_400))
        let request = ActiveRequest(
            id: nextID,
            submission,
            deadline: .now() + TimeAmount(deadline),
            completion: completion
        )
        nextID += 1
        requests[request.id] = request
        beginSweeping()
        start(request)
        return request.id
    }

    /// Settles a request now, as if its deadline had passed.
    package func giveUp(_ id: UInt64, reason: String) {
        if let request = requests[id] { expire(request, reason) }
    }

    /// Closes the session and every connection; what is on its way is settled as it stands.
    package func close() -> EventLoopFuture<Void> {
        loop.preconditionInEventLoop()
        guard !isClosed else { return loop.makeSucceededVoidFuture() }
        let done = loop.makePromise(of: Void.self)
        for request in Array(requests.values) { expire(request, "this client was closed") }
        var left = sessions.takeAbandoned()
        if case .open(let session) = sessions.state { left.append(session) }
        guard !left.isEmpty, target.hasConnection else {
            finishClosing(done)
            return done.futureResult
        }
        // A courtesy: unclosed sessions are closed by cluster time a day later.
        var remaining = left.count
        for session in left {
            var submission = Submission(
                .repeatableCommand,
                ExpireSession(session: session).encoded
            )
            submission.deadline = .milliseconds(500)
            submit(submission) { _ in
                remaining -= 1
                if remaining == 0 { self.finishClosing(done) }
            }
        }
        return done.futureResult
    }

    private func finishClosing(_ done: EventLoopPromise<Void>) {
        isClosed = true
        sweep?.cancel()
        searchTimer?.cancel()
        let connections = links.flatMap(\.connections)
        let closed = connections.map { $0.close() }
        EventLoopFuture.andAllComplete(closed, on: loop).cascade(to: done)
    }

    // MARK: - Slots

    /// Gives the request a slot if it needs one, and sends it.
    func start(_ request: ActiveRequest) {
        guard !request.isFinished else { return }
        guard request.submission.kind == .command, request.slot == nil else {
            dispatch(request)
            return
        }
        if sessions.lease(to: request) {
            dispatch(request)
        } else {
            sessions.waiting.append(request)
            openSessionIfNeeded(deadline: request.deadline)
        }
    }

    /// Gives free slots to those that wait.
    func serveWaitingForSlots() {
        while let request = sessions.waiting.first {
            if request.isFinished {
                sessions.waiting.removeFirst()
            } else if sessions.lease(to: request) {
                sessions.waiting.removeFirst()
                dispatch(request)
            } else {
                openSessionIfNeeded(deadline: request.deadline)
                return
            }
        }
    }

    private func openSessionIfNeeded(deadline: NIODeadline) {
        guard case .none = sessions.state, !isClosed else { return }
        sessions.becomeOpening()
        for session in sessions.takeAbandoned() {
            let expire = ExpireSession(session: session).encoded
            submit(Submission(.repeatableCommand, expire)) { _ in }
        }
        let open = OpenSession(slots: configuration.sessionSlots).encoded
        var submission = Submission(.repeatableCommand, open)
        let left = deadline - .now()
        submission.deadline = .nanoseconds(max(1_000_000, left.nanoseconds))
        openingID = submit(submission) { outcome in self.sessionOpened(outcome) }
    }

    private func sessionOpened(_ outcome: RawOutcome) {
        switch outcome {
        case .done(let content, _):
            guard let receipt = Receipt(content) else {
                failWaitingForSlots(Refused(.unreadableReply, detail: "no id of a session"))
                return
            }
            sessions.becomeOpen(receipt.number)
            serveWaitingForSlots()
        case .refused(let refused):
            if refused.advice == .askAgainLater {
                // Those whose deadline has not passed ask again.
                for request in sessions.waiting { request.lastObstacle = refused }
                sessions.becomeNone()
                retrySession()
            } else {
                failWaitingForSlots(refused)
            }
        case .unknown(let reason):
            for request in sessions.waiting {
                request.lastObstacle = Refused(.deadlinePassed, detail: reason)
            }
            sessions.becomeNone()
            retrySession()
        }
    }

    private func retrySession() {
        loop.assumeIsolated().scheduleTask(in: jitter(.milliseconds(50))) {
            self.serveWaitingForSlots()
        }
    }

    /// Nothing of these was ever sent, so nothing happened.
    private func failWaitingForSlots(_ refused: Refused) {
        sessions.becomeNone()
        let waiting = sessions.waiting
        sessions.waiting.removeAll()
        for request in waiting where !request.isFinished {
            finish(request, .refused(refused))
        }
    }

    /// What keeps a request from being done: for one that waits for a session, what keeps that.
    func obstacle(of request: ActiveRequest) -> Refused? {
        if let obstacle = request.lastObstacle { return obstacle }
        guard request.submission.kind == .command, request.slot == nil else { return nil }
        return requests[openingID]?.lastObstacle
    }

    // MARK: - Settling

    /// Tells the caller; the request's slot must have been released before.
    func finish(_ request: ActiveRequest, _ outcome: RawOutcome) {
        guard !request.isFinished else { return }
        request.place = .finished
        requests[request.id] = nil
        request.completion(outcome)
    }

    // MARK: - Time

    /// A part of an amount, half of it at least, so that clients do not come all at once.
    func jitter(_ amount: TimeAmount) -> TimeAmount {
        let half = max(1, amount.nanoseconds / 2)
        return .nanoseconds(half + Int64.random(in: 0...half, using: &generator))
    }

    /// One timer looks after all deadlines: a timer for each request would cost more than sending.
    private func beginSweeping() {
        guard sweep == nil else { return }
        sweep = loop.assumeIsolated().scheduleTask(in: .milliseconds(20)) { self.sweepOnce() }
    }

    private func sweepOnce() {
        sweep = nil
        guard !requests.isEmpty, !isClosed else { return }
        defer { beginSweeping() }
        let now = NIODeadline.now()
        // Ascending by id only to give up the oldest first; few are ever late at once.
        let late = requests.values.filter { $0.deadline <= now }.sorted { $0.id < $1.id }
        for request in late { expire(request, "no answer before the deadline") }
        let patience = TimeAmount(configuration.stallTimeout)
        for link in links {
            for connection in link.connections where connection.isStalled(at: now, patience) {
                connection.giveUp(
                    "\(link.endpoint) has not answered for \(configuration.stallTimeout)"
                )
            }
        }
    }
}

extension TimeAmount {
    /// The same amount; the caller has bounded it to days.
    init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        self = .nanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }
}
