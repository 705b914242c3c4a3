internal import DequeModule

/// Bytes on their way to one client, and to whose share each of them counts, in the order in which
/// they leave.
struct UnsentReplies {
    /// Bytes of one share that lie together.
    struct Part {
        /// To whom they count.
        let share: Share
        /// How many.
        var size: Int
    }

    private var parts: Deque<Part> = []
    /// All bytes.
    private(set) var size = 0

    /// Bytes are written behind the others.
    mutating func append(_ share: Share, size: Int) {
        self.size += size
        if let last = parts.indices.last, parts[last].share == share {
            parts[last].size += size
        } else {
            parts.append(Part(share: share, size: size))
        }
    }

    /// The socket has taken bytes, the oldest first.
    ///
    /// - Returns: What each share gets back.
    mutating func sent(_ count: Int) -> [Part] {
        var left = min(count, size)
        size -= left
        var freed: [Part] = []
        while left > 0, let first = parts.first {
            let taken = min(left, first.size)
            freed.append(Part(share: first.share, size: taken))
            left -= taken
            if taken == first.size { parts.removeFirst() } else { parts[0].size -= taken }
        }
        return freed
    }
}
