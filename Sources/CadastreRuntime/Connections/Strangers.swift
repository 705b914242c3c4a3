internal import NIOCore

/// Connections whose other end is not known yet, in the order in which they came.
///
/// Whoever floods a listener finds no place that stays taken: past the bound the oldest goes, which
/// has had the most time to become known.
struct Strangers {
    private let maximum: Int
    private var channels: [any Channel] = []

    /// Nobody, and at most so many at a time.
    init(maximum: Int) {
        self.maximum = maximum
    }

    /// How many there are.
    var count: Int { channels.count }

    /// Takes a connection in.
    ///
    /// - Returns: The connection that must go for it, which is no stranger any more.
    mutating func add(_ channel: any Channel) -> (any Channel)? {
        channels.append(channel)
        return channels.count > maximum ? channels.removeFirst() : nil
    }

    /// The connection is known now, or gone.
    mutating func remove(_ channel: any Channel) {
        guard let place = channels.firstIndex(where: { $0 === channel }) else { return }
        channels.remove(at: place)
    }
}
