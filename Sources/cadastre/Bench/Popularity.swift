internal import ArgumentParser
internal import Foundation

/// How often some keys are used more than others.
enum Popularity: String, CaseIterable, ExpressibleByArgument, Sendable {
    /// Each as often as any other.
    case uniform
    /// The newest most often, as Zipf's law has it.
    case zipf
}

/// Ranks by Zipf's law: rank r, from 0, is drawn in proportion to 1 / (r + 1)^θ.
///
/// By the method of Gray et al., "Quickly Generating Billion-Record Synthetic Databases", §3,
/// which YCSB uses as well: exact for the first two ranks and close to it for the others.
struct ZipfLaw: Sendable {
    private let count: UInt64
    private let alpha: Double
    private let eta: Double
    private let zeta: Double
    private let secondBound: Double

    /// The law of so many ranks, 1 or more, and a θ above 0 and below 1.
    init(count: UInt64, theta: Double) {
        precondition(count > 0 && theta > 0 && theta < 1, "Zipf's law of \(count) with \(theta)")
        self.count = count
        zeta = Self.zeta(count, theta)
        alpha = 1 / (1 - theta)
        let ofTwo = 1 - Self.zeta(min(2, count), theta) / zeta
        eta = ofTwo > 0 ? (1 - pow(2 / Double(count), 1 - theta)) / ofTwo : 1
        secondBound = 1 + pow(0.5, theta)
    }

    /// The rank of a number from 0 to 1, itself from 0 to below the count.
    func rank(_ unit: Double) -> UInt64 {
        let scaled = unit * zeta
        if scaled < 1 || count == 1 { return 0 }
        if scaled < secondBound || count == 2 { return 1 }
        let rank = Double(count) * pow(eta * unit - eta + 1, alpha)
        return min(count - 1, UInt64(max(0, rank)))
    }

    /// The sum of 1 / r^θ from 1 to the count: term by term at first, then by the integral.
    private static func zeta(_ count: UInt64, _ theta: Double) -> Double {
        let exact = min(count, 100_000)
        var sum = 0.0
        for rank in 1...exact { sum += pow(Double(rank), -theta) }
        guard count > exact else { return sum }
        let (from, to) = (Double(exact), Double(count))
        let integral = (pow(to, 1 - theta) - pow(from, 1 - theta)) / (1 - theta)
        // Euler and Maclaurin's first correction, with which the error is below 1e-8.
        return sum + integral + (pow(to, -theta) - pow(from, -theta)) / 2
    }
}

/// Which keys a load uses: places from 0, drawn or one after the other.
struct Places: Sendable {
    /// How many there are.
    let count: UInt64
    private let order: BenchVerbs.KeyOrder
    private let law: ZipfLaw?

    /// Places to be used in this order.
    init(_ count: UInt64, _ order: BenchVerbs.KeyOrder, _ popularity: Popularity, theta: Double) {
        self.count = count
        self.order = order
        law = order == .random && popularity == .zipf ? ZipfLaw(count: count, theta: theta) : nil
    }

    /// The place of an operation.
    func place(_ number: UInt64, _ numbers: inout SeededNumbers) -> UInt64 {
        switch order {
        case .sequential: number % count
        case .random: drawn(from: count, &numbers)
        }
    }

    /// One of the first so many, of which the last are the newest.
    func drawn(from count: UInt64, _ numbers: inout SeededNumbers) -> UInt64 {
        guard let law else { return numbers.next() % count }
        return count - 1 - law.rank(numbers.unit()) % count
    }
}
