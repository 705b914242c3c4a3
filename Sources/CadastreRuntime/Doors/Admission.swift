internal import CadastreProtocol

/// How much of a loop's room is taken, by whom, and whether one more may come.
///
/// Bytes are taken by requests on their way, by the replies that are expected to them, by replies
/// that their clients have not read, and by messages of which a part has come.
///
/// - A full queue refuses; it does not grow.
/// - A share may grow as long as it takes no more than what is still free: one alone gets half, and
///   whoever comes later always finds room.
/// - A part is kept for operators, who must be able to help.
struct Admission {
    private struct Use {
        var requests = 0
        var size = 0

        var isNothing: Bool { requests == 0 && size == 0 }
    }

    /// Bytes for everybody.
    private let capacity: Int
    /// The part of them that only operators may use.
    private let reserve: Int
    private let requestsPerShare: Int
    /// Requests that are counted in.
    private(set) var count = 0
    /// Bytes that are taken.
    private(set) var size = 0
    private var uses: [Share: Use] = [:]

    /// Everything is free.
    ///
    /// - Parameters:
    ///   - bounds: Of the whole node.
    ///   - loops: How many loops share them evenly.
    init(_ bounds: Settings.Bounds, loops: Int) {
        requestsPerShare = max(1, bounds.requestsPerTenant / loops)
        // Each loop has room for the largest command, and as much again that stays free.
        let largest = 2 * (ProtocolLimits.maximumCommandSize + RuntimeLimits.replySliceSize)
        capacity = max(largest, bounds.queueSize / loops)
        reserve = capacity / RuntimeLimits.operatorsShare
    }

    /// How full it is, in percent.
    var load: Int { min(100, size * 100 / capacity) }

    /// Counts a request in; says why not, and then nothing is counted.
    mutating func admit(_ share: Share, size: Int) -> ProtocolError? {
        let place = uses.index(forKey: share)
        var use = place.map { uses.values[$0] } ?? Use()
        guard use.requests < requestsPerShare else {
            return ProtocolError(.overloaded, "too many requests on the way for one tenant")
        }
        guard hasRoom(for: size, share, holding: use.size) else {
            return ProtocolError(.overloaded, "too many bytes of requests and replies on the way")
        }
        use.requests += 1
        use.size += size
        if let place { uses.values[place] = use } else { uses[share] = use }
        count += 1
        self.size += size
        return nil
    }

    /// Counts a request out, with its bytes.
    mutating func release(_ share: Share, size: Int) {
        count -= 1
        free(share, size: size, requests: 1)
    }

    /// Takes bytes for a share, if they fit.
    mutating func take(_ share: Share, size: Int) -> Bool {
        guard hasRoom(for: size, share, holding: uses[share]?.size ?? 0) else { return false }
        keep(share, size: size)
        return true
    }

    private func hasRoom(for size: Int, _ share: Share, holding own: Int) -> Bool {
        let room = (share.isOperators ? capacity : capacity - reserve) - self.size
        guard size <= room else { return false }
        // Whoever has nothing yet may be larger than the rest: else the largest command might
        // never fit.
        return own == 0 || own + size <= room - size
    }

    /// Takes bytes that are there in any case.
    mutating func keep(_ share: Share, size: Int) {
        self.size += size
        uses[share, default: Use()].size += size
    }

    /// Gives bytes back.
    mutating func free(_ share: Share, size: Int) {
        free(share, size: size, requests: 0)
    }

    private mutating func free(_ share: Share, size: Int, requests: Int) {
        self.size -= size
        guard let place = uses.index(forKey: share) else { return }
        uses.values[place].requests -= requests
        uses.values[place].size -= size
        if uses.values[place].isNothing { uses.remove(at: place) }
    }
}
