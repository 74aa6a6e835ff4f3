/** GAOKAO-Bench's objective files: type of question and instruction (its Bench/Obj_Prompt.json). */

/** A file of objective questions. */
export interface GaokaoFile {
  readonly type: "single_choice" | "multi_choice" | "multi_question_choice" | "five_out_of_seven";
  readonly instruction: string;
}

const STRICTLY = "请你严格按照上述格式作答。\n";
const REASONING = "请你一步一步思考并将思考过程写在【解析】和<eoe>之间。";

/** The objective files by their names. */
export const GAOKAO_FILES: Readonly<Record<string, GaokaoFile>> = {
  "2010-2022_Math_II_MCQs": single("数学"),
  "2010-2022_Math_I_MCQs": single("数学"),
  "2010-2022_History_MCQs": single("历史"),
  "2010-2022_Biology_MCQs": single("生物"),
  "2010-2022_Political_Science_MCQs": single("政治"),
  "2010-2022_Physics_MCQs": {
    type: "multi_choice",
    instruction: `请你做一道物理选择题。\n${REASONING}你将从A，B，C，D中选出所有符合题意的答案，` +
      "并写在【答案】和<eoa>之间。\n例如：【答案】 AB <eoa>\n完整的题目回答的格式如下：\n" +
      `【解析】 ... <eoe>\n【答案】... <eoa>\n${STRICTLY}`,
  },
  "2010-2022_Chemistry_MCQs": single("化学"),
  "2010-2013_English_MCQs": single("英语"),
  "2010-2022_Chinese_Modern_Lit": several("语文阅读理解题，其中包含三个小题。"),
  "2010-2022_English_Fill_in_Blanks": several("英语完形填空题,其中包含二十个小题。"),
  "2012-2022_English_Cloze_Test": {
    type: "five_out_of_seven",
    instruction: "请回答下面的问题，将符合题意的五个选项的字母写在【答案】和<eoa>之间，" +
      "例如“【答案】 A B C D E <eoa>\n请严格按照上述格式作答。\n",
  },
  "2010-2022_Geography_MCQs": several("地理选择题，其中包含两到三个小题。"),
  "2010-2022_English_Reading_Comp": several("英语阅读理解题，其中包含三到五个小题。"),
  "2010-2022_Chinese_Lang_and_Usage_MCQs": {
    type: "multi_question_choice",
    instruction: chosen(
      "语文",
      "（1）【解析】 ... <eoe>\n【答案】 ... <eoa>\n" +
        "（2）【解析】 ... <eoe>\n【答案】 ... <eoa>\n",
    ) +
      "请你严格按照上述格式作答。如果不止一道题，请分别作答\n题目如下：",
  },
};

function single(subject: string): GaokaoFile {
  return {
    type: "single_choice",
    instruction: `${
      chosen(subject, "【解析】 ... <eoe>\n【答案】 ... <eoa>\n")
    }${STRICTLY}题目如下：`,
  };
}

function several(what: string): GaokaoFile {
  return {
    type: "multi_question_choice",
    instruction: `请你做一道${what}\n请你一步一步思考。每一题你将从A，B，C，D中选出正确的答案，` +
      `并写在【答案】和<eoa>之间。\n例如：（1）【答案】 A <eoa>\n（2）【答案】 B <eoa>\n${STRICTLY}`,
  };
}

/** One option of four, then the form of the whole reply. */
function chosen(subject: string, form: string): string {
  return `请你做一道${subject}选择题\n${REASONING}你将从A，B，C，D中选出正确的答案，并写在【答案】和<eoa>之间。\n` +
    `例如：【答案】: A <eoa>\n完整的题目回答的格式如下：\n${form}`;
}
