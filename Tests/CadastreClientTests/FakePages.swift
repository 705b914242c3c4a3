import CadastreProtocol

/// Answers with lists.
enum FakePages {
    /// The services s1 and s2.
    static func grants(isTruncated: Bool) -> ReplyMessage {
        let names = ["s1", "s2"].map { Array($0.utf8) }
        let page = Page(elements: names, isTruncated: isTruncated)
        return ReplyMessage(outcome: .done(.query(.grants(page))))
    }

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
        let page = ObjectPage(items: ListItems(items), isTruncated: true, next: [1])
        return ReplyMessage(outcome: .done(.query(.objects(page))))
    }()
}
