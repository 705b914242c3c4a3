internal import NIOCore

/// One node as the client sees it: its connections, and the requests that wait for one.
///
/// Lives on the router's event loop alone.
final class NodeLink {
    let endpoint: Endpoint
    private(set) var connections: [RequestConnection] = []
    private(set) var openingCount = 0
    /// Requests for this node alone, while it has no connection for them.
    var waiting = CircularBuffer<ActiveRequest>()
    /// Why the last connection failed or ended; nil while one is well.
    var lastFailure: ConnectionFailure?
    /// When that was.
    var lastFailureTime: NIODeadline?
    /// Failures since the last success.
    var failureCount = 0
    /// It has failed, and a timer will open it again.
    var isOpeningLater = false
    private var nextConnection = 0

    init(_ endpoint: Endpoint) {
        self.endpoint = endpoint
    }

    var hasConnection: Bool { !connections.isEmpty }

    /// Whether trying it now makes sense: it has not just failed.
    func isPromising(at now: NIODeadline) -> Bool {
        guard let lastFailureTime else { return true }
        return hasConnection || now - lastFailureTime > .seconds(1)
    }

    func beganOpening() { openingCount += 1 }

    func opened(_ connection: RequestConnection) {
        openingCount -= 1
        connections.append(connection)
        lastFailure = nil
        lastFailureTime = nil
        failureCount = 0
    }

    func failedToOpen(_ failure: ConnectionFailure, at now: NIODeadline) {
        openingCount -= 1
        failed(failure, at: now)
    }

    /// A connection ended, or will take nothing more.
    func lost(_ connection: RequestConnection, _ failure: ConnectionFailure, at now: NIODeadline) {
        let count = connections.count
        connections.removeAll { $0 === connection }
        if connections.count < count { failed(failure, at: now) }
    }

    private func failed(_ failure: ConnectionFailure, at now: NIODeadline) {
        lastFailure = failure
        lastFailureTime = now
        failureCount += 1
    }

    /// A connection with room for one more request, in turn; nil if all are full.
    func connectionWithRoom() -> RequestConnection? {
        for _ in 0..<connections.count {
            if nextConnection >= connections.count { nextConnection = 0 }
            let connection = connections[nextConnection]
            nextConnection += 1
            if connection.hasRoom { return connection }
        }
        return nil
    }
}

/// Why a connection failed or ended.
struct ConnectionFailure: Sendable, Hashable {
    /// Trying again will not help: one side does not let the other in.
    var isPermanent: Bool
    /// For people.
    var detail: String
}
