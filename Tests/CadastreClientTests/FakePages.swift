import CadastreProtocol

/// Answers that are large.
enum FakePages {
    static let thousandObjects: ReplyMessage = {
        let items: [ListItem] = (0..<1000).map { number in
            .object(
                key: Array("photos/\(number)/".utf8) + [UInt8](repeating: 0x61, count: 200),
                sequence: UInt64(number),
                size: 1,
                etag: [],
                modifiedMilliseconds: 0
            )
        }
        let page = ObjectPage(items: items, isTruncated: true, next: [1])
        return ReplyMessage(outcome: .done(.query(.objects(page))))
    }()
}
