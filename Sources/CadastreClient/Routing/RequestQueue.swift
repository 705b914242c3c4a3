internal import NIOCore

/// Requests that wait for the same thing, in order of arrival.
///
/// A request may be settled while it waits, since its deadline passes or its caller gives it up. It
/// is then forgotten at once if it is the first, and else when more than half of what is held is
/// settled: the queue holds at most twice what waits, and ``slack`` more. Lives on the router's
/// event loop alone.
final class RequestQueue {
    /// So many settled requests may lie in any queue: clearing up a short one is not worth it.
    static let slack = 32

    private var requests = CircularBuffer<ActiveRequest>()
    private var finishedCount = 0

    /// Whether nothing waits.
    var isEmpty: Bool { requests.count == finishedCount }

    /// The request that waits longest; nil if nothing waits.
    var first: ActiveRequest? {
        while let request = requests.first {
            guard request.isFinished else { return request }
            requests.removeFirst()
            finishedCount -= 1
        }
        return nil
    }

    /// Adds a request, which waits nowhere else.
    func append(_ request: ActiveRequest) {
        precondition(!request.isFinished, "request \(request.id) is settled, and queued")
        request.place = .queued(self)
        requests.append(request)
    }

    /// Takes out what ``first`` has just returned.
    func removeFirst() {
        let request = requests.removeFirst()
        precondition(!request.isFinished, "a settled request is taken out of its queue")
        request.place = .waiting
    }

    /// Takes out all that wait, in order.
    func takeAll() -> [ActiveRequest] {
        let waiting = Array(requests.lazy.filter { !$0.isFinished })
        requests = []
        finishedCount = 0
        for request in waiting { request.place = .waiting }
        return waiting
    }

    /// One that is held has just been settled.
    func requestFinished() {
        finishedCount += 1
        guard finishedCount > Self.slack, finishedCount * 2 > requests.count else { return }
        requests = CircularBuffer(requests.lazy.filter { !$0.isFinished })
        finishedCount = 0
    }

    /// Notes what keeps those that wait from being sent, for people.
    func note(_ obstacle: Refused) {
        for request in requests { request.lastObstacle = obstacle }
    }
}
