internal import CadastreProtocol
package import NIOCore

/// Carries requests to the node that answers them: finds the leader, follows it, tries again.
///
/// Everything here happens on one event loop; `submit` may be called from there only. The other
/// parts of it are `RequestRouter+Sessions.swift` (slots for writes), `+Routing.swift` (which node),
/// `+Connections.swift` (ways to it), `+Outcomes.swift` (what a reply means) and `+Closing.swift`.
package final class RequestRouter: @unchecked Sendable {
    // Unchecked: every stored variable is read and written on `loop` alone.

    /// From open to closed, and never back.
    enum Life {
        case open
        /// Callers are refused; the sessions are being closed.
        case closing(EventLoopPromise<Void>)
        /// Every request is settled; the last connections are being closed.
        case closed(EventLoopPromise<Void>)
    }

    /// The thread of all this.
    package let loop: any EventLoop
    let configuration: ClientConfiguration
    let connector: Connector

    var life = Life.open
    var links: [NodeLink]
    /// The node that is taken for the leader, or asked who it is.
    var target: NodeLink
    let leaderQueue = RequestQueue()
    /// Failures and refusals of targets since one last answered.
    var searchCount = 0
    var searchTimer: Scheduled<Void>?
    var sessions: SessionPool
    /// The request by which a session is being opened.
    var openingID: UInt64 = 0
    /// Sessions that could not be opened, since one last was.
    var failedOpeningCount = 0
    private(set) var requests: [UInt64: ActiveRequest] = [:]
    private var requestBytes = 0
    private var nextID: UInt64 = 1
    private var sweep: Scheduled<Void>?
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
        if let refused = refusal(of: submission) {
            completion(.refused(refused))
            return 0
        }
        return take(submission, completion: completion)
    }

    /// Settles a request now, as if its deadline had passed.
    package func giveUp(_ id: UInt64, reason: String) {
        loop.preconditionInEventLoop()
        if let request = requests[id] { expire(request, reason) }
    }

    /// Takes a caller's request, or one of the router's own, to which the bounds do not apply.
    @discardableResult
    func take(
        _ submission: Submission,
        completion: @escaping (RawOutcome) -> Void
    ) -> UInt64 {
        let deadline = min(
            submission.deadline ?? configuration.deadline,
            ClientLimits.maximumDeadline
        )
        let request = ActiveRequest(
            id: nextID,
            submission,
            deadline: .now() + TimeAmount(deadline),
            completion: completion
        )
        nextID += 1
        requests[request.id] = request
        requestBytes += submission.size
        beginSweeping()
        start(request)
        return request.id
    }

    /// Why a caller's request is not taken at all; nil if it is.
    private func refusal(of submission: Submission) -> Refused? {
        guard isOpen else { return Refused(.clientClosed, detail: "this client was closed") }
        // The largest is smaller than any frame, so that what is taken can be sent.
        guard submission.size <= submission.maximumSize else {
            let detail =
                "the request has \(submission.size) bytes; "
                + "at most \(submission.maximumSize) are allowed"
            return Refused(.tooLarge, detail: detail)
        }
        if let deadline = submission.deadline, deadline <= .zero {
            return Refused(.deadlinePassed, detail: "a deadline of \(deadline) leaves no time")
        }
        guard requests.count < ClientLimits.maximumRequests,
            submission.size <= ClientLimits.maximumRequestBytes - requestBytes
        else {
            let detail = "\(requests.count) requests of \(requestBytes) bytes are in this client"
            return Refused(.overloaded, detail: detail)
        }
        return nil
    }

    // MARK: - Settling

    /// Tells the caller; the request's slot must have been released before.
    func finish(_ request: ActiveRequest, _ outcome: RawOutcome) {
        guard !request.isFinished else { return }
        let place = request.place
        request.place = .finished
        if case .queued(let queue) = place { queue.requestFinished() }
        requests[request.id] = nil
        requestBytes -= request.submission.size
        request.completion(outcome)
    }

    // MARK: - Time

    /// A part of an amount, half of it at least, so that clients do not come all at once.
    func jitter(_ amount: TimeAmount) -> TimeAmount {
        let half = max(1, amount.nanoseconds / 2)
        return .nanoseconds(half + Int64.random(in: 0...half, using: &generator))
    }

    /// Ends the timers that run while the router is open.
    func stopTimers() {
        sweep?.cancel()
        searchTimer?.cancel()
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
        giveUpSilent(at: now)
    }
}

extension TimeAmount {
    /// The same amount; the caller has bounded it to days.
    init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        self = .nanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }
}
