package import NIOCore

/// The end of a router: callers are refused, what is on its way is settled as it stands, the
/// sessions are closed if a node can still be told, then the connections.
extension RequestRouter {
    /// Whether callers are served.
    var isOpen: Bool {
        if case .open = life { true } else { false }
    }

    /// Whether nothing more is sent.
    var isClosed: Bool {
        if case .closed = life { true } else { false }
    }

    /// Closes the session and every connection; what is on its way is settled as it stands.
    ///
    /// Succeeds when the last connection is shut; asked for twice, it is the same end.
    package func close() -> EventLoopFuture<Void> {
        loop.preconditionInEventLoop()
        switch life {
        case .closing(let done), .closed(let done): return done.futureResult
        case .open: break
        }
        let done = loop.makePromise(of: Void.self)
        life = .closing(done)
        settleAll { request in
            // A session that is being opened or closed is what closing waits for.
            !(request.submission.kind == .repeatableCommand && request.isSent)
        }
        // Closing sessions is a courtesy: cluster time does it a day later.
        let patience = TimeAmount(configuration.stallTimeout)
        loop.assumeIsolated().scheduleTask(in: patience) { self.finishClosing() }
        if target.hasConnection { closeSessions() } else { finishClosing() }
        return done.futureResult
    }

    /// While the router closes: closes the sessions that are left, and then the router.
    func closeSessions() {
        guard case .closing = life else { return }
        closeAbandoned()
        if let session = sessions.takeOpen() { close(session) }
        // Only what opens and closes sessions is still on its way.
        if requests.isEmpty { finishClosing() }
    }

    /// Closes the sessions that were left behind and that no request uses any more.
    func closeAbandoned() {
        for session in sessions.takeAbandoned() { close(session) }
    }

    private func close(_ session: UInt64) {
        let expire = ExpireSession(session: session)
        take(Submission(.repeatableCommand, expire.encoded)) { _ in self.closeSessions() }
    }

    private func finishClosing() {
        guard case .closing(let done) = life else { return }
        life = .closed(done)
        settleAll { _ in true }
        stopTimers()
        let connections = links.flatMap { $0.connections + $0.draining }
        let closed = connections.map { $0.close() }
        EventLoopFuture.andAllComplete(closed, on: loop).cascade(to: done)
    }

    private func settleAll(where isMeant: (ActiveRequest) -> Bool) {
        for request in requests.values.sorted(by: { $0.id < $1.id }) where isMeant(request) {
            expire(request, "this client was closed")
        }
    }
}
