// What the page says, in Arabic and English, and its examples (invented articles).

export const REASONS = {
  stub: ["صفحة خطأ أو اشتراك أو دخول، لا خبر", "An error, paywall or login page, not an article"],
  too_short: ["النص أقصر من أن يُصنَّف", "The text is too short to label"],
  not_arabic: ["النص ليس بالعربية", "The text is not Arabic"],
  no_evidence: ["لا شيء في النص يدل على قسم", "Nothing in the text points to a label"],
  ambiguous: ["لم يبلغ أي قسم عتبته", "No label reaches its threshold"],
};
export const KINDS = { word: "كلمة", chars: "حروف", place: "مكان", home: "بلد المصدر" };
export const PROFILES = {
  balanced: ["متوازنة", "balanced"],
  high_precision: ["أدق", "high precision"],
  high_recall: ["أشمل", "high recall"],
};

// States and errors by code: codes of the server, or types of its error details.
export const MESSAGES = {
  working: ["جارٍ التصنيف…", "Labelling…"],
  not_ready: ["النموذج يستعد، وتُعاد المحاولة تلقائياً…", "The model is getting ready; trying again by itself…"],
  empty: ["ألصق نصاً أولاً.", "Paste a text first."],
  copied: ["نُسخ بصيغة JSON", "Copied as JSON"],
  left_out: ["تُرك من الملف:", "Left out:"],
  unreadable: ["تعذّرت قراءة الملف. المجلدات لا تُقرأ.", "The file cannot be read. Folders are not read."],
  unreachable: ["الخادم لا يجيب. هل ما زال يعمل؟", "The server does not answer. Is it still running?"],
  refused: ["لم يقبل الخادم الطلب.", "The server refused the request."],
  internal: ["وقع خطأ في الخادم، وتفاصيله في سجلّه.", "The server failed; its log says why."],
  too_large: ["الملف أكبر من 8 ميغابايت. قسّمه.", "The file is larger than 8 MiB. Split it."],
  too_slow: ["لم يصل النص في الوقت المحدد. أعد المحاولة.", "The text did not arrive in time. Try again."],
  string_too_long: ["النص أطول من 100,000 حرف. اختصره.", "The text is longer than 100,000 characters. Shorten it."],
  nul: ["في النص محرف غير صالح (NUL). احذفه.", "The text holds an invalid character (NUL). Remove it."],
  container: [
    "لا يُقرأ هنا إلا النص، لا ملف Parquet ولا أرشيف. في الطرفية: newsdesk predict FILE",
    "Only text is read here, no Parquet file and no archive. In a terminal: newsdesk predict FILE",
  ],
  no_articles: ["لم يُعثر على خبر في الملف.", "No article was found in the file."],
  copy_failed: ["لم يسمح المتصفح بالنسخ.", "The browser does not allow copying."],
};

// Rows of a file that are not labelled, by reason; other reasons are `bad_record` here.
export const LEFT_OUT = {
  teaser: ["عناوين لأخبار أخرى:", "teasers of other articles"],
  too_many: ["ما بعد أول 1,000 خبر", "all after the first 1,000"],
  field_too_large: ["أطول من 100,000 حرف:", "longer than 100,000 characters"],
  missing_column: ["جدول بلا عمود معروف للنص:", "no known column of texts"],
  unknown_format: ["صيغة غير معروفة:", "unknown format"],
  bad_record: ["غير مقروءة:", "unreadable"],
};

export const EXAMPLES = [
  {
    name: ["خلية في ديالى", "A cell in Diyala"],
    title: "بغداد تعلن تفكيك خلية لتنظيم «داعش» خططت لتفجيرات في الأسواق",
    text:
      "أعلنت قيادة العمليات المشتركة في العراق، الأحد، أن قوة من جهاز مكافحة الإرهاب داهمت مخبأً في محافظة ديالى واعتقلت " +
      "سبعة عناصر من تنظيم «داعش» كانوا يعدّون لهجمات انتحارية على أسواق شعبية في بغداد.\n" +
      "وقال متحدث عسكري إن القوة ضبطت أحزمة ناسفة وعبوات معدّة للتفجير، وإن التحقيق كشف صلة الخلية بقيادي في التنظيم " +
      "فرّ إلى سوريا قبل شهرين. وأضاف أن الإرهابيين كانوا يتنقلون بوثائق مزورة بين العراق وسوريا.",
  },
  {
    name: ["فائدة اليورو", "Euro rates"],
    title: "المركزي الأوروبي يثبّت الفائدة وسط مخاوف من ركود في ألمانيا",
    text:
      "أبقى البنك المركزي الأوروبي في فرانكفورت أسعار الفائدة دون تغيير، الخميس، قائلاً إن التضخم في منطقة اليورو يتراجع " +
      "ببطء. وتراجعت أسهم المصارف في باريس وميلانو بعد القرار، وهبط اليورو أمام الدولار.\n" +
      "ويتوقع محللون أن ينكمش الاقتصاد الألماني في الربع المقبل مع تراجع الصادرات وطلبيات المصانع، بينما تحسّن نمو " +
      "الاقتصاد في إسبانيا بفضل السياحة والاستثمار.",
  },
  {
    name: ["مباراة في داكار", "A match in Dakar"],
    title: "السنغال تبلغ نصف النهائي بركلات الترجيح",
    text:
      "تأهل منتخب السنغال لكرة القدم إلى نصف نهائي البطولة الأفريقية بعد فوزه على نظيره الغاني بركلات الترجيح في داكار، " +
      "إثر تعادلهما بهدف لكل منهما.\n" +
      "وسجل المهاجم هدف التعادل قبل خمس دقائق من نهاية المباراة، وتصدى الحارس لركلتين. وقال المدرب إن اللاعبين قدموا " +
      "أفضل مبارياتهم في البطولة، وإن الفريق سيلعب المباراة المقبلة من دون قائده الموقوف.",
  },
  {
    name: ["نص غير عربي", "Not Arabic"],
    title: "Harbour town opens a new library",
    text: "The mayor opened the new library by the harbour on Monday. It has forty thousand books and a reading room for children.",
  },
];
