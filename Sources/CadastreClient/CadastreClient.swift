package import NIOCore
internal import NIOPosix

/// A client of a cluster: finds the leader, keeps connections, and makes every write happen once.
///
/// ```swift
/// let client = try CadastreClient(configuration)
/// let outcome = await client.execute(CreateBucket(name: Array("photos".utf8)))
/// ```
///
/// Every outcome is one of three: done, refused (nothing happened and nothing will), or unknown.
/// A request is tried again, with the same identity, until its deadline; so it is only unknown
/// when no node answered in time, or its task was cancelled. Any number of tasks may ask at once;
/// at most 65,536 requests of 256 MiB together are taken, more are refused as overloaded.
///
/// Call ``close()`` when it is not needed any more: a client that is merely dropped closes in the
/// background.
public final class CadastreClient: Sendable {
    /// Carries the requests; for callers that speak to the event loop themselves.
    package let router: RequestRouter

    /// Makes a client on a thread of NIO's own; nothing is connected before the first request.
    ///
    /// - Throws: ``ClientError`` if the configuration or one of its files cannot be used.
    public convenience init(_ configuration: ClientConfiguration) throws(ClientError) {
        try self.init(
            configuration,
            loop: MultiThreadedEventLoopGroup.singleton.next()
        )
    }

    /// Makes a client on this event loop.
    ///
    /// - Throws: ``ClientError`` if the configuration or one of its files cannot be used.
    package init(
        _ configuration: ClientConfiguration,
        loop: any EventLoop
    ) throws(ClientError) {
        try configuration.validate()
        let connector = try Connector(configuration, loop: loop)
        router = RequestRouter(configuration, connector: connector, loop: loop)
    }

    deinit {
        let router = router
        router.loop.execute { _ = router.close() }
    }

    // MARK: - Requests

    /// Changes something, exactly once.
    ///
    /// If the task is cancelled, the request is settled at once: as refused where nothing was sent,
    /// else as unknown.
    ///
    /// - Parameters:
    ///   - command: what to change; at most 4 MiB as it is sent.
    ///   - deadline: how long it may take, retries included, more than 0 and at most a day; nil is
    ///     the configuration's.
    /// - Returns: one of the three outcomes.
    public func execute<Command: ClientCommand>(
        _ command: Command,
        deadline: Duration? = nil
    ) async -> Outcome<Command.Value> {
        var submission = Submission(.command, command.encoded)
        submission.deadline = deadline
        return await settled(submission) { Self.value(of: $0, as: Command.self) }
    }

    /// Asks the state: the leader's where the answer must be linearizable, else that of the first
    /// endpoint of the configuration that can be reached.
    ///
    /// - Parameters:
    ///   - query: what to ask.
    ///   - freshness: how new the answer must be.
    ///   - deadline: how long it may take, retries included, more than 0 and at most a day; nil is
    ///     the configuration's.
    /// - Returns: done with the answer, or refused; never unknown.
    public func ask<Query: ClientQuery>(
        _ query: Query,
        freshness: Freshness = .linearizable,
        deadline: Duration? = nil
    ) async -> Outcome<Query.Value> {
        await askDated(query, freshness: freshness, deadline: deadline).map(\.value)
    }

    /// Asks the state as ``ask(_:freshness:deadline:)`` does, and for the index of the answer.
    ///
    /// - Returns: done with the answer and its applied index, or refused; never unknown.
    public func askDated<Query: ClientQuery>(
        _ query: Query,
        freshness: Freshness = .linearizable,
        deadline: Duration? = nil
    ) async -> Outcome<Dated<Query.Value>> {
        var submission = Submission(.query, query.encoded)
        submission.deadline = deadline
        submission.freshness = freshness
        submission.route = freshness == .linearizable ? .leader : .nearest
        return await settled(submission) { outcome in
            let answer = Self.read(outcome) { reply throws(UnreadableReply) in
                try Query.value(of: reply)
            }
            guard case .done(_, let index) = outcome else {
                return answer.map { Dated($0, appliedIndex: 0) }
            }
            return answer.map { Dated($0, appliedIndex: index) }
        }
    }

    /// Asks one node something about itself, or the leader to hand over.
    ///
    /// - Parameters:
    ///   - request: what to ask.
    ///   - node: the administration listener of the node, which alone is asked. With nil the node
    ///     that is taken for the leader is: what only a leader can do is sure to reach it, and what
    ///     any node answers comes from that one, whether it leads or not.
    ///   - deadline: how long it may take, retries included, more than 0 and at most a day; nil is
    ///     the configuration's.
    /// - Returns: one of the three outcomes; only ``TransferLeadership`` may be unknown.
    public func administer<Request: ClientAdministration>(
        _ request: Request,
        at node: Endpoint? = nil,
        deadline: Duration? = nil
    ) async -> Outcome<Request.Value> {
        var submission = Submission(.administration, request.encoded)
        submission.deadline = deadline
        submission.route = node.map { .node($0) } ?? .leader
        return await settled(submission) { outcome in
            Self.read(outcome) { reply throws(UnreadableReply) in try Request.value(of: reply) }
        }
    }

    /// Closes the session and the connections; requests on their way are settled as they stand, and
    /// later ones are refused as ``Refused/Reason/clientClosed``.
    ///
    /// Returns when the last connection is shut; so does every further call. The nodes have the
    /// configuration's `stallTimeout` to close the session, which else ends a day later by itself.
    public func close() async {
        let router = router
        await withCheckedContinuation { continuation in
            router.loop.execute {
                // A connection that ended badly has ended.
                router.close().whenComplete { _ in continuation.resume() }
            }
        }
    }

    // MARK: - For callers that want no task for each request

    /// Changes something; calls back on the event loop.
    ///
    /// From any thread.
    package func submit<Command: ClientCommand>(
        _ command: Command,
        deadline: Duration?,
        completion: @escaping @Sendable (Outcome<Command.Value>) -> Void
    ) {
        var submission = Submission(.command, command.encoded)
        submission.deadline = deadline
        submit(submission) { completion(Self.value(of: $0, as: Command.self)) }
    }

    /// Asks the leader's state; calls back on the event loop.
    ///
    /// From any thread.
    package func submit<Query: ClientQuery>(
        _ query: Query,
        deadline: Duration?,
        completion: @escaping @Sendable (Outcome<Query.Value>) -> Void
    ) {
        var submission = Submission(.query, query.encoded)
        submission.deadline = deadline
        submit(submission) { outcome in
            completion(
                Self.read(outcome) { reply throws(UnreadableReply) in try Query.value(of: reply) }
            )
        }
    }

    /// Runs something on the event loop, from where ``submitOnLoop(_:completion:)`` may be called.
    package func onLoop<Result: Sendable>(
        _ body: @escaping @Sendable () -> Result
    ) async -> Result {
        let router = router
        return await withCheckedContinuation { continuation in
            router.loop.execute { continuation.resume(returning: body()) }
        }
    }

    /// Takes a request and calls back on the event loop, on which this must be called: the way
    /// with the fewest steps, for loads.
    package func submitOnLoop(
        _ submission: Submission,
        completion: @escaping (RawOutcome) -> Void
    ) {
        router.submit(submission, completion: completion)
    }

    private func submit(
        _ submission: Submission,
        completion: @escaping @Sendable (RawOutcome) -> Void
    ) {
        let router = router
        router.loop.execute { router.submit(submission, completion: completion) }
    }

    // MARK: - Outcomes

    private func settled<Value: Sendable>(
        _ submission: Submission,
        _ read: @escaping @Sendable (RawOutcome) -> Outcome<Value>
    ) async -> Outcome<Value> {
        let router = router
        let ticket = Ticket(router: router)
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                router.loop.execute {
                    ticket.submit(submission) { continuation.resume(returning: read($0)) }
                }
            }
        } onCancel: {
            router.loop.execute { ticket.cancel() }
        }
    }

    private static func value<Command: ClientCommand>(
        of outcome: RawOutcome,
        as command: Command.Type
    ) -> Outcome<Command.Value> {
        switch outcome {
        case .done(let content, _):
            guard let receipt = Receipt(content) else {
                // It was done; what came of it is lost.
                return .unknown("it was done, but the reply cannot be read")
            }
            return .done(Command.value(of: receipt))
        case .refused(let refused): return .refused(refused)
        case .unknown(let reason): return .unknown(reason)
        }
    }

    private static func read<Value>(
        _ outcome: RawOutcome,
        _ value: (EncodedReply) throws(UnreadableReply) -> Value
    ) -> Outcome<Value> {
        switch outcome {
        case .done(let content, _):
            do throws(UnreadableReply) {
                return .done(try value(EncodedReply(content)))
            } catch {
                return .refused(Refused(.unreadableReply, detail: error.description))
            }
        case .refused(let refused): return .refused(refused)
        case .unknown(let reason): return .unknown(reason)
        }
    }
}

/// One awaited request, which its task may cancel before or after it was submitted.
private final class Ticket: @unchecked Sendable {
    // Unchecked: the variables are read and written on the router's event loop alone.

    private let router: RequestRouter
    private var id: UInt64?
    private var isCancelled = false

    init(router: RequestRouter) {
        self.router = router
    }

    func submit(_ submission: Submission, _ completion: @escaping (RawOutcome) -> Void) {
        guard !isCancelled else {
            completion(.refused(Refused(.deadlinePassed, detail: "the task was cancelled")))
            return
        }
        id = router.submit(submission, completion: completion)
    }

    func cancel() {
        isCancelled = true
        if let id { router.giveUp(id, reason: "the task was cancelled") }
    }
}
