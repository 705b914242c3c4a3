/// How many steps of a search may still be done.
struct Budget {
    /// Steps done.
    private(set) var used: UInt64 = 0
    private let limit: UInt64
    private let earlier: UInt64
    private let goOn: (UInt64) -> Bool
    private var isOver = false

    /// This many, after others; from time to time it is asked whether to go on.
    init(steps limit: UInt64, after earlier: UInt64, goOn: @escaping (UInt64) -> Bool) {
        self.limit = limit
        self.earlier = earlier
        self.goOn = goOn
    }

    /// Whether one more step may be done.
    mutating func take() -> Bool {
        used += 1
        if used & 0x3FFF == 0, !goOn(earlier &+ used) { isOver = true }
        return !isOver && used <= limit
    }

    /// Something was looked at, which is a step as well.
    mutating func count() { used += 1 }
}
