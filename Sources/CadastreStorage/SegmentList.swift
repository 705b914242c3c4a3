/// The headers of the segments that a journal consists of, by number, none missing.
struct SegmentList {
    private var headers: [SegmentHeader]
    /// The number of the first.
    private(set) var first: UInt64

    /// Takes headers, ascending, at least one.
    init(_ headers: [SegmentHeader]) {
        precondition(!headers.isEmpty, "a journal without a segment")
        self.headers = headers
        first = headers[0].number
    }

    /// How many there are.
    var count: Int { headers.count }

    /// The number of the one that is prepared next.
    var next: UInt64 { first + UInt64(headers.count) }

    /// The header of the segment with this number.
    subscript(number: UInt64) -> SegmentHeader { headers[Int(number - first)] }

    /// Those from a number on, ascending.
    func from(_ number: UInt64) -> ArraySlice<SegmentHeader> {
        headers[Int(number - first)...]
    }

    /// Adds the next one.
    mutating func append(_ header: SegmentHeader) {
        precondition(header.number == next, "segment \(header.number) is not the next one")
        headers.append(header)
    }

    /// Loses those before a number that stays.
    mutating func drop(before number: UInt64) {
        headers.removeFirst(Int(number - first))
        first = number
    }
}
